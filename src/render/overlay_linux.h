/*
 * What makes a Linux, or the dom0 of a Xen, a node's own: files that the kernel unpacks over the initramfs.
 *
 *   etc/hostname               one line
 *   etc/motd, etc/issue        the welcome text (in etc/issue with '\' doubled, as getty wants it)
 *   root/.ssh/authorized_keys  0600, its folder and root's 0700; not with `ssh: off`
 *   etc/shadow                 only where the image's accounts are known: those, with root's field replaced
 *   etc/bootherd/root.hash     else: root's crypt(5) hash alone, 0600, for an init to make use of
 *   etc/bootherd/node          NAME='value' lines that a shell can source: BOOTHERD_NODE, BOOTHERD_HOSTNAME,
 *                              BOOTHERD_IP (where one is reserved), BOOTHERD_SSH (on, off), BOOTHERD_VLAN
 *                              (where one is set: that of the management network)
 *   etc/bootherd/agent.sh      the host agent with its parts and list (overlay_agent.h), where there is one;
 *                              the host's init runs "/etc/bootherd/agent.sh start &"
 *
 * and the operator's own files over all that.
 *
 * What it does depends on who has the initramfs as its root:
 * - A host that stays in its initramfs: everything counts at once; root.hash wants a line in its init.
 * - Debian's installer: it, too, stays there. What it looks for is a preseed.cfg at the top, among the
 *   operator's own files.
 * - A live image or an installed system whose real root is elsewhere (squashfs, NFS, disk): once that is
 *   root, all this is gone. Only what its initramfs hands over counts (etc/bootherd is there for its hooks);
 *   the rest has to be in the real root.
 * bootherd does not guess which of them an initrd is, and changes nothing in it but these files.
 */
#pragma once

#include "render/overlay.h"
#include "render/overlay_set.h"

int overlay_linux_put(const struct overlay_input *input, struct overlay_set *set, struct error *err);

/*
 * Folders that an initramfs has already, often as a link (bin -> usr/bin): an entry would replace the link by
 * an empty folder, and the initramfs would be without its programs.
 */
bool overlay_linux_is_there(const char *folder);
