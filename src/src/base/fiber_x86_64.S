/* Fiber switch for x86-64, System V ABI. See fiber.c for who calls it; struct fiber_frame in
 * fiber_int.h is the layout pushed here. */
#ifdef __x86_64__
    .text

/* void fiber_switch(void **stack_pointer_out, void *stack_pointer)
 *
 * Saves what a callee must preserve on the stack being left, then takes up the other stack, which
 * was left the same way. Both stacks look alike at every instruction, so the unwind rules hold
 * before and after the change. */
    .globl fiber_switch
    .hidden fiber_switch
    .type fiber_switch, @function
    .balign 16
fiber_switch:
    .cfi_startproc
    endbr64
    pushq %rbp
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %rbp, 0
    pushq %rbx
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %rbx, 0
    pushq %r12
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r12, 0
    pushq %r13
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r13, 0
    pushq %r14
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r14, 0
    pushq %r15
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r15, 0
    subq $8, %rsp
    .cfi_adjust_cfa_offset 8
    stmxcsr (%rsp)
    fnstcw 4(%rsp)

    movq %rsp, (%rdi)
    movq %rsi, %rsp

    ldmxcsr (%rsp)
    fldcw 4(%rsp)
    addq $8, %rsp
    .cfi_adjust_cfa_offset -8
    popq %r15
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r15
    popq %r14
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r14
    popq %r13
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r13
    popq %r12
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r12
    popq %rbx
    .cfi_adjust_cfa_offset -8
    .cfi_restore %rbx
    popq %rbp
    .cfi_adjust_cfa_offset -8
    .cfi_restore %rbp
    ret
    .cfi_endproc
    .size fiber_switch, . - fiber_switch

/* Where the first switch to a fresh fiber "returns" to: calls fiber_main with the pointer that the
 * prepared frame holds in rbx. It has no caller, and says so to debuggers. */
    .globl fiber_start
    .hidden fiber_start
    .type fiber_start, @function
    .balign 16
fiber_start:
    .cfi_startproc
    .cfi_undefined %rip
    movq %rbx, %rdi
    call fiber_main
    ud2
    .cfi_endproc
    .size fiber_start, . - fiber_start
#endif

    .section .note.GNU-stack, "", %progbits
