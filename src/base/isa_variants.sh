#!/bin/sh
# isa_variants.sh OUT AVX2_OBJECT... -- AVX512_OBJECT...: the same sources compiled for two instruction sets become one
# object. Each public function F becomes F.avx2 and F.avx512, and F itself a jump to the one that isa() names.
# All else that the AVX-512 objects define (templates, inline functions, vtables) becomes local, so that the linker can
# never merge an AVX-512 copy of, say, std::vector with the copies that every processor runs. Their static constructors
# run only where they are chosen.
set -eu
export LC_ALL=C
LD=${LD:-ld} OBJCOPY=${OBJCOPY:-objcopy} NM=${NM:-nm} AS=${AS:-as}
out=$1; shift
work=$out.parts; rm -rf "$work"; mkdir -p "$work"

avx2=
while [ "$1" != -- ]; do avx2="$avx2 $1"; shift; done
shift
$LD -r -o "$work/avx2.o" $avx2
$LD -r --force-group-allocation -o "$work/avx512.o" "$@"  # no COMDAT groups: the linker drops a group by its name

defined() { $NM --defined-only "$1" | awk -v kinds="$2" 'NF == 3 && $2 ~ kinds { print $3 }' | sort -u; }
defined "$work/avx2.o" '^T$' >"$work/functions"
defined "$work/avx512.o" '^T$' | cmp -s - "$work/functions" ||
  { echo "isa_variants.sh: $out: the two sets define different functions" >&2; exit 1; }
data=$(defined "$work/avx2.o" '^[BDRSC]$')
[ -z "$data" ] || { echo "isa_variants.sh: $out: public data would exist twice: $data" >&2; exit 1; }

# Local labels (.L...) and sections keep their names.
rename() { awk -v suffix="$1" '!/^\./ { print $0, $0 suffix }'; }
rename .avx2 <"$work/functions" >"$work/avx2.names"
defined "$work/avx512.o" '^[A-Za-z]$' | rename .avx512 >"$work/avx512.names"
$OBJCOPY --redefine-syms="$work/avx2.names" "$work/avx2.o"
$OBJCOPY --redefine-syms="$work/avx512.names" "$work/avx512.o"
sed 's/$/.avx512/' "$work/functions" >"$work/kept"
constructors=cliplab_avx512_$(basename "$out" .o)  # a C name: the linker defines __start_ and __stop_ of it
$OBJCOPY --keep-global-symbols="$work/kept" \
  --rename-section .init_array="$constructors",alloc,load,data,contents "$work/avx512.o"

{
  echo '.text'
  while read -r f; do
    printf '.globl "%s"\n.type "%s", @function\n.p2align 4\n"%s": jmp *"%s.slot"(%%rip)\n.size "%s", . - "%s"\n' \
      "$f" "$f" "$f" "$f" "$f" "$f"
  done <"$work/functions"
  # Before all constructors but the one that sets isa() (base/cpu.cpp, priority 101).
  cat <<'END'
choose:
  subq $8, %rsp
  call _ZN7cliplab3isaEv@PLT
  addq $8, %rsp
  cmpl $2, %eax  # Isa::kAvx512
  jl 2f
  leaq slots(%rip), %rdi
  leaq wide(%rip), %rsi
  leaq wide_end(%rip), %rdx
1: movq (%rsi), %rax
  movq %rax, (%rdi)
  addq $8, %rdi
  addq $8, %rsi
  cmpq %rdx, %rsi
  jb 1b
  pushq %rbx
  leaq __start_CONSTRUCTORS(%rip), %rbx
  jmp 4f
3: call *(%rbx)
  addq $8, %rbx
4: leaq __stop_CONSTRUCTORS(%rip), %rax
  cmpq %rax, %rbx
  jb 3b
  popq %rbx
2: ret
.section .init_array.00102, "aw", @init_array
.p2align 3
.quad choose
END
  printf '.section %s, "aw", @progbits\n' "$constructors"  # so that it exists where no file has a constructor
  printf '.data\n.p2align 3\nslots:\n'
  while read -r f; do printf '"%s.slot": .quad "%s.avx2"\n' "$f" "$f"; done <"$work/functions"
  echo '.section .data.rel.ro, "aw", @progbits'
  echo '.p2align 3'
  echo 'wide:'
  while read -r f; do printf '.quad "%s.avx512"\n' "$f"; done <"$work/functions"
  echo 'wide_end:'
  echo '.section .note.GNU-stack, "", @progbits'
} | sed "s/CONSTRUCTORS/$constructors/" >"$work/choice.s"
$AS -o "$work/choice.o" "$work/choice.s"
$LD -r -o "$out" "$work/avx2.o" "$work/avx512.o" "$work/choice.o"
rm -rf "$work"
