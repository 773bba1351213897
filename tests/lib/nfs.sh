# shellcheck shell=bash disable=SC2154 # LAB_DIR, LAB_PREFIX and LAB_PID are lab.sh's
# A real NFS server, nfs-ganesha, in the namespace of lab.sh, for NFS 3 and 4.1: LAB_PREFIX.1 exports /srv/vms, which is the
# folder LAB_DIR/vms. After lab_open; tests/guests/make.sh nfs-server makes its programs. Files there may be written while it
# runs, but not replaced (mv, sed -i): clients would be told that they are stale.

# nfs_open SERVER-FOLDER: sets NFS_PID. Called again, when that has been stopped: the server comes back.
nfs_open() {
    local programs=$1
    mkdir -p "$LAB_DIR"/vms "$LAB_DIR"/nfs/{run,recovery}
    if [ ! -e "$LAB_DIR/nfs/etc" ]; then
        cp -a /etc "$LAB_DIR/nfs/etc"
        # rpcbind becomes this user, which only a machine that has it installed knows; ganesha looks for its exports in mtab.
        { grep -v '^_rpc:' /etc/passwd && echo '_rpc:x:65533:65534::/run:/bin/false'; } >"$LAB_DIR/nfs/etc/passwd"
        ln -sfn /proc/self/mounts "$LAB_DIR/nfs/etc/mtab"
        nfs_config "$programs" >"$LAB_DIR/nfs/conf"
        nfs_spawn rpcbind "$programs/sbin/rpcbind" -f -w -h "$LAB_PREFIX.1"
        lab_wait_port tcp 111 10 "$LAB_PID" || return 1
    fi
    nfs_spawn ganesha env LD_LIBRARY_PATH="$programs/usr/lib/ganesha:$programs/usr/lib/x86_64-linux-gnu" \
        "$programs/usr/bin/ganesha.nfsd" -F -f "$LAB_DIR/nfs/conf" -L "$LAB_DIR/nfs/log" -p "$LAB_DIR/nfs/pid"
    # shellcheck disable=SC2034 # for the caller
    NFS_PID=$LAB_PID
    lab_wait_port tcp 2049 20 "$LAB_PID" && ! grep -q 'No export entries' "$LAB_DIR/nfs/log"
}

# nfs_spawn NAME COMMAND...: with a /run, an /etc and a /srv/vms of its own.
nfs_spawn() {
    local name=$1
    shift
    # shellcheck disable=SC2016 # for the inner shell
    lab_spawn "$LAB_DIR/nfs/$name.out" unshare -m sh -c 'set -e
        mount --bind "$1/nfs/run" /run
        mount --bind "$1/nfs/etc" /etc
        mount -t tmpfs none /srv
        mkdir /srv/vms
        mount --bind "$1/vms" /srv/vms
        shift
        exec "$@"' sh "$LAB_DIR" "$@"
}

# A client that does not renew its lease in time loses its locks and, with them, its files: emulated hosts are slow.
nfs_config() {
    cat <<END
NFS_CORE_PARAM {
    Plugins_Dir = "$1/usr/lib/x86_64-linux-gnu/ganesha"; Protocols = 3, 4; NFS_Port = 2049; MNT_Port = 20048;
    Enable_NLM = false; Enable_RQUOTA = false; Enable_UDP = false; Bind_addr = $LAB_PREFIX.1; fsid_device = true;
}
NFSv4 {
    Grace_Period = 5; Lease_Lifetime = 60; Minor_Versions = 0,1,2; RecoveryBackend = fs; RecoveryRoot = "$LAB_DIR/nfs/recovery";
    Only_Numeric_Owners = true; UseGetpwnam = true;
}
EXPORT {
    Export_Id = 1; Path = /srv/vms; Pseudo = /srv/vms; Protocols = 3, 4; Access_Type = RW; Squash = No_Root_Squash;
    SecType = sys; Transports = TCP; Attr_Expiration_Time = 0; FSAL { Name = VFS; }
}
END
}
