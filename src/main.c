#include <stdio.h>

int main(void)
{
    puts("bootherd " BOOTHERD_VERSION);
    return 0;
}
