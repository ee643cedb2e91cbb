# Stands for a service manager: prints each datagram that comes to the Unix socket $ARGV[0], in hex, one a line.
# A name that begins with @ is one of the abstract namespace. Node has no Unix datagrams; Perl is there on every Debian.
use strict;
use warnings;
use Socket;

my $name = $ARGV[0] =~ s/^@/\0/r;
socket(my $socket, AF_UNIX, SOCK_DGRAM, 0) or die "socket: $!";
bind($socket, pack_sockaddr_un($name)) or die "bind: $!";
$| = 1;
print "ready\n";
while (defined recv($socket, my $message, 65536, 0)) {
    print unpack('H*', $message), "\n";
}
