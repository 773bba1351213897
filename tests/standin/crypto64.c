/* A stand-in for VMware's crypto64.efi: a program that mboot finds, loads and starts. */
#include <efi.h>
#include <efilib.h>

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system)
{
    InitializeLib(image, system);
    Print(L"mboot: crypto module runs\n");
    return EFI_SUCCESS;
}
