# SPDX-License-Identifier: GPL-3.0-or-later
# A guest of one sector on a linear screen of WIDTH x HEIGHT pixels, 32 bits each. All of it but a pixel has COLOUR at once. FILL = 0: each key changes the colour of a
# piece in its middle, to and fro. FILL = 1: all of it gets another colour, for ever, as fast as it can.
.code16
.globl _start
.set mode, 0x8000
_start:
    cli
    xor %ax, %ax
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %ss
    mov $0x7c00, %sp
    sti
    cld
    mov $0x100, %cx
# The mode with that size (VBE 3.0, functions 1 and 2).
look:
    push %cx
    mov $0x4f01, %ax
    mov $mode, %di
    int $0x10
    pop %cx
    cmp $0x4f, %ax
    jne next
    cmpw $WIDTH, mode + 0x12
    jne next
    cmpw $HEIGHT, mode + 0x14
    jne next
    cmpb $32, mode + 0x19
    je found
next:
    inc %cx
    cmp $0x300, %cx
    jb look
none:
    hlt
    jmp none
found:
    mov %cx, %bx
    or $0x4000, %bx
    mov $0x4f02, %ax
    int $0x10
    mov $COLOUR, %eax
    call whole
.if FILL
    cli
again:
    add $0x0b1d07, %eax
    call whole
    jmp again
.else
again:
    push %eax
    xor %ah, %ah
    int $0x16
    pop %eax
    xor $CHANGE, %eax
    call reach
    mov mode + 0x28, %edi
    add $4 * ((HEIGHT / 2 - 16) * WIDTH + WIDTH / 2 - 32), %edi
    mov $32, %dx
row:
    mov $64, %ecx
    addr32 rep stosl
    add $4 * (WIDTH - 64), %edi
    dec %dx
    jnz row
    jmp again
.endif

whole:
    call reach
    mov mode + 0x28, %edi
    mov $WIDTH * HEIGHT, %ecx
    addr32 rep stosl
# A screen of one colour is none yet, to berth-screen.
    mov mode + 0x28, %edi
    addr32 notl %es:(%edi)
    ret

# %es reaches all memory: its limit stays the protected mode's. The firmware may take it away.
reach:
    pushf
    cli
    push %eax
    lgdtl table
    mov %cr0, %eax
    or $1, %al
    mov %eax, %cr0
    mov $8, %bx
    mov %bx, %es
    and $0xfe, %al
    mov %eax, %cr0
    xor %bx, %bx
    mov %bx, %es
    pop %eax
    popf
    ret

.balign 8
descriptors:
    .quad 0, 0x00cf92000000ffff
table:
    .word 15
    .long descriptors
.org 510
    .word 0xaa55
