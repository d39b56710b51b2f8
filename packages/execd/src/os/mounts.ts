import { readFileSync } from 'node:fs';

/** File systems whose calls end by themselves: no server and no user process stands behind them. */
const LOCAL = new Set(
  [
    'aufs bcachefs binfmt_misc bpf btrfs cgroup cgroup2 configfs debugfs devpts devtmpfs efivarfs erofs exfat ext2 ext3',
    'ext4 f2fs fusectl hugetlbfs iso9660 jfs mqueue nsfs ntfs3 overlay proc pstore ramfs reiserfs rootfs securityfs selinuxfs squashfs',
    'sysfs tmpfs tracefs udf vfat xfs zfs',
  ].flatMap((line) => line.split(' ')),
);

/** How long one reading of the mount table is believed, ms. */
const BELIEVED_MS = 1_000;

let readAt = -Infinity;
let answer = true;

/**
 * Whether a call on some file here may take arbitrarily long, because a network or user-space file system is mounted.
 * Where it is false, calls that take microseconds need no thread pool. True when the mount table cannot be read.
 */
export function filesMayBlock(): boolean {
  const now = performance.now();
  if (now - readAt > BELIEVED_MS) {
    readAt = now;
    answer = readMountTypes().some((type) => !LOCAL.has(type));
  }
  return answer;
}

/** proc(5), /proc/self/mountinfo: the type stands behind the ` - ` that ends the optional fields. */
function readMountTypes(): string[] {
  try {
    const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n').slice(0, -1);
    return lines.map((line) => line.split(' - ')[1]?.split(' ')[0] ?? '');
  } catch {
    return [''];
  }
}
