/* Stands in for a DLL that Wine 8 lacks, in tests alone: Rust's standard library asks it for random bytes. */
#include <windows.h>

BOOLEAN NTAPI SystemFunction036(PVOID buffer, ULONG length); /* RtlGenRandom */

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE buffer, SIZE_T length)
{
    while (length > 0) {
        ULONG some = length > 0x100000 ? 0x100000 : (ULONG)length;
        if (!SystemFunction036(buffer, some)) {
            return FALSE;
        }
        buffer += some;
        length -= some;
    }
    return TRUE;
}
