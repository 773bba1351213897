#!/usr/bin/perl
# An IPv6 router advertisement (RFC 4861, 4.2) on an interface once a second, of a router that offers nothing: lifetime
# 0, no prefixes. iPXE tries IPv6 beside IPv4 and goes on only when both have ended; unanswered, that costs each boot 13 s.
use strict;
use warnings;
use Socket qw(:all);

use constant { ADVERTISEMENT => 134, HOP_LIMIT => 255, ICMPV6 => 58, MULTICAST_IF => 17, MULTICAST_HOPS => 18 };

my ($interface) = @ARGV;
open my $file, '<', "/sys/class/net/$interface/ifindex" or die "router.pl: no interface $interface: $!\n";
my $index = <$file>;
socket my $socket, AF_INET6, SOCK_RAW, ICMPV6 or die "router.pl: no IPv6: $!\n";
setsockopt $socket, IPPROTO_IPV6, MULTICAST_IF, pack 'i', $index or die "router.pl: $!\n";
setsockopt $socket, IPPROTO_IPV6, MULTICAST_HOPS, pack 'i', HOP_LIMIT or die "router.pl: $!\n";
my $all_nodes = pack_sockaddr_in6 0, inet_pton(AF_INET6, 'ff02::1'), $index;

# Type, code, checksum (the kernel fills it in), hop limit, flags, router lifetime, reachable time, retransmission timer.
my $message = pack 'CCnCCnNN', ADVERTISEMENT, 0, 0, 64, 0, 0, 0, 0;
while (1) {
    send $socket, $message, 0, $all_nodes;    # fails while the interface's own address is still tentative
    sleep 1;
}
