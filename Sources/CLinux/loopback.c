#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

int discographer_bring_up_loopback(void) {
    int socket_descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    // A kernel without IPv4 has no loopback interface to bring up.
    if (socket_descriptor < 0) return errno == EAFNOSUPPORT ? 0 : -1;
    struct ifreq request = {.ifr_name = "lo"};
    int result = ioctl(socket_descriptor, SIOCGIFFLAGS, &request);
    if (result == 0) {
        request.ifr_flags |= IFF_UP | IFF_RUNNING;
        result = ioctl(socket_descriptor, SIOCSIFFLAGS, &request);
    }
    int error = errno;
    close(socket_descriptor);
    errno = error;
    return result;
}
