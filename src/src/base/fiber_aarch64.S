/* Fiber switch for aarch64, AAPCS64. See fiber.c for who calls it; struct fiber_frame in
 * fiber_int.h is the layout stored here. */
#ifdef __aarch64__
    .text

#define FRAME_BYTES 176

/* void fiber_switch(void **stack_pointer_out, void *stack_pointer)
 *
 * Saves what a callee must preserve on the stack being left, then takes up the other stack, which
 * was left the same way. Both stacks look alike at every instruction, so the unwind rules hold
 * before and after the change. */
    .globl fiber_switch
    .hidden fiber_switch
    .type fiber_switch, %function
    .balign 16
fiber_switch:
    .cfi_startproc
    hint #34 /* bti c */
    sub sp, sp, #FRAME_BYTES
    .cfi_adjust_cfa_offset FRAME_BYTES
    stp x29, x30, [sp, #0]
    .cfi_rel_offset x29, 0
    .cfi_rel_offset x30, 8
    stp x19, x20, [sp, #16]
    .cfi_rel_offset x19, 16
    .cfi_rel_offset x20, 24
    stp x21, x22, [sp, #32]
    .cfi_rel_offset x21, 32
    .cfi_rel_offset x22, 40
    stp x23, x24, [sp, #48]
    .cfi_rel_offset x23, 48
    .cfi_rel_offset x24, 56
    stp x25, x26, [sp, #64]
    .cfi_rel_offset x25, 64
    .cfi_rel_offset x26, 72
    stp x27, x28, [sp, #80]
    .cfi_rel_offset x27, 80
    .cfi_rel_offset x28, 88
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    mrs x9, fpcr
    str x9, [sp, #160]

    mov x9, sp
    str x9, [x0]
    mov sp, x1

    ldr x9, [sp, #160]
    msr fpcr, x9
    ldp d14, d15, [sp, #144]
    ldp d12, d13, [sp, #128]
    ldp d10, d11, [sp, #112]
    ldp d8, d9, [sp, #96]
    ldp x27, x28, [sp, #80]
    ldp x25, x26, [sp, #64]
    ldp x23, x24, [sp, #48]
    ldp x21, x22, [sp, #32]
    ldp x19, x20, [sp, #16]
    ldp x29, x30, [sp, #0]
    add sp, sp, #FRAME_BYTES
    .cfi_adjust_cfa_offset -FRAME_BYTES
    .cfi_restore x29
    .cfi_restore x30
    ret
    .cfi_endproc
    .size fiber_switch, . - fiber_switch

/* Where the first switch to a fresh fiber "returns" to: calls fiber_main with the pointer that the
 * prepared frame holds in x19. It has no caller, and says so to debuggers. */
    .globl fiber_start
    .hidden fiber_start
    .type fiber_start, %function
    .balign 16
fiber_start:
    .cfi_startproc
    .cfi_undefined x30
    mov x0, x19
    bl fiber_main
    brk #1
    .cfi_endproc
    .size fiber_start, . - fiber_start
#endif

    .section .note.GNU-stack, "", %progbits
