/* What fiber.c and the assembly files share. */
#ifndef OSTRAKA_BASE_FIBER_INT_H
#define OSTRAKA_BASE_FIBER_INT_H

#include "base/fiber.h"

#include <stdint.h>

/* The registers a switch leaves on a stack, lowest address first. */
#if defined(__x86_64__)
struct fiber_frame {
    uint32_t mxcsr;
    uint16_t x87_control, unused;
    uint64_t r15, r14, r13, r12, rbx, rbp;
    uint64_t return_address;
};
_Static_assert(sizeof(struct fiber_frame) == 64, "fiber_x86_64.S");
#elif defined(__aarch64__)
struct fiber_frame {
    uint64_t x29, x30;
    uint64_t x19_to_x28[10];
    uint64_t d8_to_d15[8];
    uint64_t fpcr, unused;
};
_Static_assert(sizeof(struct fiber_frame) == 176, "fiber_aarch64.S");
#else
#error "fibers need a switch written for this processor (src/base/README.md)"
#endif

/* In assembly: leave this stack, remembering it in *stack_pointer_out, and take up another. */
void fiber_switch(void **stack_pointer_out, void *stack_pointer);
/* In assembly: the first instruction of every fiber. Not callable from C. */
void fiber_start(void);
/* Called by fiber_start on the new stack. */
_Noreturn void fiber_main(struct fiber *fiber) __attribute__((visibility("hidden")));

#endif
