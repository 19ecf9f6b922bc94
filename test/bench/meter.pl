# Runs a command and writes to descriptor 3 what it used: wall and CPU nanoseconds, peak resident bytes, exit status.
# It is a program of its own, and a small one, because the kernel counts the memory of whoever forks a process as that
# process's own until it executes: measured from a large program, every peak would be at least that program's size.
use strict;
use warnings;
use Config;

# The system calls getrusage and clock_gettime.
my %numbers = ('x86_64' => [98, 228], 'aarch64' => [165, 113]);
my ($machine) = $Config{archname} =~ /^(x86_64|aarch64)-linux/ or die "meter.pl knows Linux on x86_64 and aarch64, not $Config{archname}\n";
my ($getrusage, $clock_gettime) = @{ $numbers{$machine} };
my ($CHILDREN, $MONOTONIC) = (-1, 1);

open(my $report, '>&=', 3) or die "descriptor 3: $!\n";

sub now {
  my $time = "\0" x 16;
  syscall($clock_gettime, $MONOTONIC, $time) == 0 or die "clock_gettime: $!\n";
  my ($seconds, $nanoseconds) = unpack('q2', $time);
  return $seconds * 1_000_000_000 + $nanoseconds;
}

my $start = now();
my $child = fork();
die "fork: $!\n" unless defined $child;
if ($child == 0) {
  exec { $ARGV[0] } @ARGV or print STDERR "$ARGV[0]: $!\n";
  exit 127;
}
$SIG{TERM} = $SIG{INT} = sub { kill 'TERM', $child };
1 while waitpid($child, 0) != $child;
my $wall = now() - $start;
my $status = ($? & 127) ? 128 + ($? & 127) : $? >> 8;

my $usage = "\0" x 256;
syscall($getrusage, $CHILDREN, $usage) == 0 or die "getrusage: $!\n";
my ($user, $userMicros, $system, $systemMicros, $peakKib) = unpack('q5', $usage);
my $cpu = ($user + $system) * 1_000_000_000 + ($userMicros + $systemMicros) * 1_000;
printf {$report} "%d %d %d %d\n", $wall, $cpu, $peakKib * 1024, $status;
