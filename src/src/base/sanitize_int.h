/* What AddressSanitizer and Valgrind must be told, as macros that vanish in an ordinary build. */
#ifndef OSTRAKA_BASE_SANITIZE_INT_H
#define OSTRAKA_BASE_SANITIZE_INT_H

#if defined(__SANITIZE_ADDRESS__) /* GCC's way to say it, and Clang's */
#define OSTRAKA_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define OSTRAKA_ASAN 1
#endif
#endif

#ifdef OSTRAKA_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
/* GCC takes the const pointer of the callee for a read of memory that nobody has written yet. */
#pragma GCC diagnostic push
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
static inline void sanitize_poison(void *p, size_t size)
{
    __asan_poison_memory_region(p, size);
}
#pragma GCC diagnostic pop
#define SANITIZE_POISON(p, size)   sanitize_poison((p), (size))
#define SANITIZE_UNPOISON(p, size) __asan_unpoison_memory_region((p), (size))
/* Before a switch: where the fake stack of the context being left is kept (NULL: it ends here), and
 * the stack about to be entered. */
#define SANITIZE_SWITCH_START(fake, low, size) __sanitizer_start_switch_fiber((fake), (low), (size))
/* After it: the fake stack kept then, and where to write which stack was left. */
#define SANITIZE_SWITCH_FINISH(fake, low_out, size_out) \
    __sanitizer_finish_switch_fiber((fake), (low_out), (size_out))
#else
#define SANITIZE_POISON(p, size)               ((void)(p), (void)(size))
#define SANITIZE_UNPOISON(p, size)             ((void)(p), (void)(size))
#define SANITIZE_SWITCH_START(fake, low, size) ((void)(fake), (void)(low), (void)(size))
#define SANITIZE_SWITCH_FINISH(fake, low_out, size_out) \
    ((void)(fake), (void)(low_out), (void)(size_out))
#endif

#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#define SANITIZE_STACK_REGISTER(low, high) VALGRIND_STACK_REGISTER((low), (high))
#define SANITIZE_STACK_DEREGISTER(id)      VALGRIND_STACK_DEREGISTER(id)
#else
#define SANITIZE_STACK_REGISTER(low, high) ((void)(low), (void)(high), 0u)
#define SANITIZE_STACK_DEREGISTER(id)      ((void)(id))
#endif

#endif
