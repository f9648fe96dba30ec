#include "base/fiber_int.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/list.h"
#include "base/sanitize_int.h"

/* The guard is wider than a page, because a function whose frame is larger than the guard could
 * step over it. It costs address space only. */
#define GUARD_BYTES     ((size_t)64 << 10)
#define STACK_BYTES_MIN ((size_t)16 << 10)
#define STACK_BYTES_MAX ((size_t)1 << 30)

/* FREE -spawn-> RUNNING -suspend-> SUSPENDED -resume-> RUNNING -return-> FREE; what is spawned or
 * resumed from a fiber passes through READY, until fiber_run_ready. */
enum fiber_state {
    FIBER_STATE_FREE,
    FIBER_STATE_RUNNING,
    FIBER_STATE_SUSPENDED,
    FIBER_STATE_READY,
};

struct fiber {
    struct list link; /* in the pool's free list while FREE, in its ready list while READY */
    struct fiber_pool *pool;
    enum fiber_state state;
    uint8_t *stack; /* lowest usable byte, GUARD_BYTES above the mapping; NULL until first used */
    void *stack_pointer; /* where it left off, while SUSPENDED */
    void (*entry)(void *arg);
    void *arg;
    void *asan_fake_stack;
    unsigned valgrind_stack_id;
};

struct fiber_pool {
    size_t stack_bytes, fiber_count, live_count;
    struct fiber *current; /* NULL: on the core's own stack */
    uint64_t turn;
    struct list free;      /* last used first: its stack is the warmest */
    struct list ready;     /* in the order they were made ready */
    void *core_stack_pointer;
    const void *core_stack; /* what AddressSanitizer knows of the core's own stack */
    size_t core_stack_bytes;
    void *core_asan_fake_stack;
    struct fiber fibers[];
};

static void check(const struct fiber_pool *pool)
{
    ASSERT(pool->live_count <= pool->fiber_count);
    ASSERT(list_empty(&pool->free) == (pool->live_count == pool->fiber_count));
    ASSERT(pool->current == NULL || pool->current->state == FIBER_STATE_RUNNING);
}

static size_t round_up(size_t size, size_t multiple)
{
    return (size + multiple - 1) / multiple * multiple;
}

struct fiber_pool *fiber_pool_create(size_t stack_bytes, size_t fiber_count_max)
{
    ASSERT(stack_bytes <= STACK_BYTES_MAX);
    ASSERT(fiber_count_max > 0);
    if (stack_bytes < STACK_BYTES_MIN) stack_bytes = STACK_BYTES_MIN;
    size_t size;
    if (__builtin_mul_overflow(fiber_count_max, sizeof(struct fiber), &size) ||
        __builtin_add_overflow(size, sizeof(struct fiber_pool), &size))
        return NULL;
    struct fiber_pool *pool = calloc(1, size);
    if (pool == NULL) return NULL;
    pool->stack_bytes = round_up(stack_bytes, (size_t)sysconf(_SC_PAGESIZE));
    pool->fiber_count = fiber_count_max;
    list_init(&pool->free);
    list_init(&pool->ready);
    for (size_t i = 0; i < fiber_count_max; i++) {
        pool->fibers[i].pool = pool;
        list_push_back(&pool->free, &pool->fibers[i].link);
    }
    check(pool);
    return pool;
}

static void stack_unmap(struct fiber *fiber)
{
    if (fiber->stack == NULL) return;
    SANITIZE_STACK_DEREGISTER(fiber->valgrind_stack_id);
    SANITIZE_UNPOISON(fiber->stack, fiber->pool->stack_bytes);
    int error = munmap(fiber->stack - GUARD_BYTES, GUARD_BYTES + fiber->pool->stack_bytes);
    ASSERT(error == 0);
    fiber->stack = NULL;
}

void fiber_pool_destroy(struct fiber_pool *pool)
{
    if (pool == NULL) return;
    check(pool);
    ASSERT(pool->live_count == 0);
    for (size_t i = 0; i < pool->fiber_count; i++)
        stack_unmap(&pool->fibers[i]);
    free(pool);
}

size_t fiber_pool_live(const struct fiber_pool *pool)
{
    return pool->live_count;
}

/* Stacks are mapped when first needed and kept: a pool sized for the worst day costs little on
 * others. */
static enum status stack_map(struct fiber *fiber)
{
    if (fiber->stack != NULL) return STATUS_OK;
    size_t stack_bytes = fiber->pool->stack_bytes;
    uint8_t *mapping = mmap(NULL, GUARD_BYTES + stack_bytes, PROT_NONE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (mapping == MAP_FAILED) return STATUS_NO_MEMORY;
    if (mprotect(mapping + GUARD_BYTES, stack_bytes, PROT_READ | PROT_WRITE) != 0) {
        munmap(mapping, GUARD_BYTES + stack_bytes);
        return STATUS_NO_MEMORY;
    }
    fiber->stack = mapping + GUARD_BYTES;
    fiber->valgrind_stack_id =
        (unsigned)SANITIZE_STACK_REGISTER(fiber->stack, fiber->stack + stack_bytes);
    return STATUS_OK;
}

/* Lays the frame that the first switch takes up: it "returns" into fiber_start with the fiber in a
 * register that a callee preserves, and with floating point as the ABI starts every program. */
static void stack_prepare(struct fiber *fiber)
{
    /* Frames of the last life were never left, so their red zones are still marked. */
    SANITIZE_UNPOISON(fiber->stack, fiber->pool->stack_bytes);
    uint8_t *top = fiber->stack + fiber->pool->stack_bytes;
    struct fiber_frame *frame = (struct fiber_frame *)(void *)(top - 16 - sizeof *frame);
#if defined(__x86_64__)
    *frame = (struct fiber_frame){.mxcsr = 0x1f80,
                                  .x87_control = 0x037f,
                                  .rbx = (uint64_t)(uintptr_t)fiber,
                                  .return_address = (uint64_t)(uintptr_t)fiber_start};
#else
    *frame = (struct fiber_frame){.x19_to_x28[0] = (uint64_t)(uintptr_t)fiber,
                                  .x30 = (uint64_t)(uintptr_t)fiber_start};
#endif
    ASSERT((uintptr_t)(frame + 1) % 16 == 0); /* the ABI's alignment at fiber_start's call */
    fiber->stack_pointer = frame;
}

/* Runs the fiber until it suspends or ends. */
static void run(struct fiber *fiber)
{
    struct fiber_pool *pool = fiber->pool;
    ASSERT(pool->current == NULL);
    fiber->state = FIBER_STATE_RUNNING;
    pool->current = fiber;
    pool->turn++;
    SANITIZE_SWITCH_START(&pool->core_asan_fake_stack, fiber->stack, pool->stack_bytes);
    fiber_switch(&pool->core_stack_pointer, fiber->stack_pointer);
    SANITIZE_SWITCH_FINISH(pool->core_asan_fake_stack, NULL, NULL);
    ASSERT(pool->current == fiber);
    ASSERT(fiber->state != FIBER_STATE_RUNNING);
    pool->current = NULL;
    if (fiber->state == FIBER_STATE_FREE) {
        list_push_front(&pool->free, &fiber->link);
        pool->live_count--;
    }
    check(pool);
}

/* Goes back to run(). A fiber that ends leaves its fake stack to be freed. */
static void leave(struct fiber *fiber, enum fiber_state state)
{
    struct fiber_pool *pool = fiber->pool;
    ASSERT(pool->current == fiber);
    ASSERT(fiber->state == FIBER_STATE_RUNNING);
    fiber->state = state;
    SANITIZE_SWITCH_START(state == FIBER_STATE_FREE ? NULL : &fiber->asan_fake_stack,
                          pool->core_stack, pool->core_stack_bytes);
    fiber_switch(&fiber->stack_pointer, pool->core_stack_pointer);
    SANITIZE_SWITCH_FINISH(fiber->asan_fake_stack, &pool->core_stack, &pool->core_stack_bytes);
    ASSERT(pool->current == fiber);
}

void fiber_main(struct fiber *fiber)
{
    struct fiber_pool *pool = fiber->pool;
    SANITIZE_SWITCH_FINISH(NULL, &pool->core_stack, &pool->core_stack_bytes);
    ASSERT(pool->current == fiber);
    fiber->entry(fiber->arg);
    leave(fiber, FIBER_STATE_FREE);
    UNREACHABLE();
}

static void make_ready(struct fiber *fiber)
{
    fiber->state = FIBER_STATE_READY;
    list_push_back(&fiber->pool->ready, &fiber->link);
}

enum status fiber_spawn(struct fiber_pool *pool, void (*entry)(void *arg), void *arg,
                        struct fiber **fiber_out)
{
    ASSERT(entry != NULL);
    if (list_empty(&pool->free)) return STATUS_BUSY;
    struct fiber *fiber = CONTAINER_OF(pool->free.next, struct fiber, link);
    ASSERT(fiber->state == FIBER_STATE_FREE);
    enum status status = stack_map(fiber);
    if (status != STATUS_OK) return status;
    list_remove(&fiber->link);
    pool->live_count++;
    fiber->entry = entry;
    fiber->arg = arg;
    stack_prepare(fiber);
    if (fiber_out != NULL) *fiber_out = fiber;
    if (pool->current != NULL)
        make_ready(fiber);
    else
        run(fiber);
    return STATUS_OK;
}

struct fiber *fiber_current(const struct fiber_pool *pool)
{
    return pool->current;
}

void fiber_suspend(struct fiber_pool *pool)
{
    ASSERT(pool->current != NULL);
    leave(pool->current, FIBER_STATE_SUSPENDED);
}

void fiber_resume(struct fiber *fiber)
{
    ASSERT(fiber->state == FIBER_STATE_SUSPENDED);
    ASSERT((uint8_t *)fiber->stack_pointer > fiber->stack);
    if (fiber->pool->current != NULL)
        make_ready(fiber);
    else
        run(fiber);
}

bool fiber_run_ready(struct fiber_pool *pool)
{
    ASSERT(pool->current == NULL);
    bool any = false;
    struct list *item;
    while ((item = list_pop_front(&pool->ready)) != NULL) {
        any = true;
        run(CONTAINER_OF(item, struct fiber, link));
    }
    return any;
}

uint64_t fiber_turn(const struct fiber_pool *pool)
{
    ASSERT(pool->current != NULL);
    return pool->turn;
}

size_t fiber_stack_left(const struct fiber_pool *pool)
{
    const struct fiber *fiber = pool->current;
    if (fiber == NULL) return SIZE_MAX;
    uintptr_t here = (uintptr_t)__builtin_frame_address(0), low = (uintptr_t)fiber->stack;
    ASSERT(here >= low);
    ASSERT(here < low + pool->stack_bytes);
    return here - low;
}
