//! Unix sockets: their files, and their access rights.

use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use nix::fcntl::{AtFlags, AT_FDCWD};
use nix::sys::stat::{fchmod, fchmodat, FchmodatFlags, Mode};
use nix::unistd::{fchownat, Gid, Group, Uid, User};
use socket2::{Domain, SockAddr, Socket, Type};

use crate::compile::Report;
use crate::config;
use crate::fork::OnItsWay;

/// The file of a socket. It is removed when its listener is dropped, unless another file has taken its place or the
/// program made it.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    /// Device and inode, which identify the file.
    identity: Option<(u64, u64)>,
    /// Whether the server made the file.
    is_own: bool,
    /// Whether somebody else may listen there too.
    is_shared: bool,
}

impl SocketFile {
    fn new(path: &Path) -> Self {
        Self { path: path.into(), identity: identity(path), is_own: true, is_shared: false }
    }

    /// The file of a socket that was opened by the program, or, if it `is_own`, by the process before. It gets the
    /// rights that are written.
    pub(crate) fn of_another(path: &Path, rights: Rights, is_own: bool) -> io::Result<Self> {
        rights.give(path)?;
        Ok(Self { path: path.into(), identity: identity(path), is_own, is_shared: false })
    }

    /// Leaves the file to another process.
    pub(crate) fn disown(&mut self) {
        self.is_own = false;
    }

    /// Leaves the file to another process if that one listens there. Otherwise it is removed.
    pub(crate) fn share(&mut self) {
        self.is_shared = true;
    }

    /// Changes the file's owner and mode.
    pub(crate) fn give(&self, rights: Rights) -> io::Result<()> {
        if identity(&self.path) != self.identity {
            return Err(io::Error::other("another file has taken the place of the socket's"));
        }
        rights.give(&self.path)
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // By now the path may belong to another server, such as a new version that was started beside this one.
        let is_here = self.is_own && self.identity.is_some() && identity(&self.path) == self.identity;
        if is_here && !(self.is_shared && listens(&self.path).unwrap_or(true)) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    std::fs::symlink_metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

/// Owner and mode of a socket file. Clients need the right to write in order to connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Rights {
    mode: Option<Mode>,
    owner: Option<Uid>,
    group: Option<Gid>,
}

impl Rights {
    /// Those of a socket that only its owner may use.
    pub(crate) fn private() -> Self {
        Self { mode: Some(Mode::S_IRUSR | Mode::S_IWUSR), ..Self::default() }
    }

    /// Checks `mode`, `owner` and `group`, which only apply to a unix socket.
    pub(crate) fn compile(spec: &config::BindConfig, is_unix: bool, report: &mut Report<'_>) -> Self {
        let given = [("mode", spec.mode.is_some()), ("owner", spec.owner.is_some()), ("group", spec.group.is_some())];
        if let Some((name, _)) = given.iter().find(|(_, given)| *given && !is_unix) {
            report
                .within(name)
                .error("only the file of a unix socket has that: leave it out, or write \"unix:///run/proxy.sock\"");
            return Self::default();
        }
        let uid = |name: &str| Ok(User::from_name(name)?.map(|user| user.uid));
        let gid = |name: &str| Ok(Group::from_name(name)?.map(|group| group.gid));
        Self {
            mode: spec.mode.and_then(|mode| read_mode(mode, &mut report.within("mode"))),
            owner: spec
                .owner
                .as_ref()
                .and_then(|name| account("user", name, uid, Uid::from_raw, &mut report.within("owner"))),
            group: spec
                .group
                .as_ref()
                .and_then(|name| account("group", name, gid, Gid::from_raw, &mut report.within("group"))),
        }
    }

    fn is_given(self) -> bool {
        self != Self::default()
    }

    /// Whether `before` set something that is now left to the system. The system's own choice is no longer known.
    pub(crate) fn say_less_than(self, before: Self) -> bool {
        let lost = |before: bool, now: bool| before && !now;
        lost(before.mode.is_some(), self.mode.is_some())
            || lost(before.owner.is_some(), self.owner.is_some())
            || lost(before.group.is_some(), self.group.is_some())
    }

    /// Applies owner and mode to a file. A symbolic link in its place is not followed.
    fn give(self, path: &Path) -> io::Result<()> {
        if self.owner.is_some() || self.group.is_some() {
            fchownat(AT_FDCWD, path, self.owner, self.group, AtFlags::AT_SYMLINK_NOFOLLOW).map_err(|error| {
                refused(
                    "owner and group",
                    error,
                    "start as root, write a group that this user is in, or leave them out",
                )
            })?;
        }
        if let Some(mode) = self.mode {
            fchmodat(AT_FDCWD, path, mode, FchmodatFlags::NoFollowSymlink)
                .map_err(|error| refused("mode", error, "write a path in a folder of this user's own"))?;
        }
        Ok(())
    }
}

fn refused(what: &str, error: nix::Error, remedy: &str) -> io::Error {
    io::Error::other(format!("the socket's {what} cannot be set: {}: {remedy}", error.desc()))
}

fn read_mode(mode: i64, report: &mut Report<'_>) -> Option<Mode> {
    let bits = u16::try_from(mode).ok().filter(|mode| *mode <= 0o777);
    match bits {
        Some(bits) if bits & 0o222 != 0 => Mode::from_bits(bits.into()),
        Some(bits) => {
            report.error(format!(
                "with 0o{bits:03o} nobody can connect, since that needs write permission: write 0o660, for example"
            ));
            None
        }
        None => {
            report.error(format!("{mode} is not a valid file mode: write an octal number such as 0o660, or \"660\""));
            None
        }
    }
}

/// The id of a user or a group. A name of digits is an id, as in `chown`.
fn account<I>(
    kind: &str,
    name: &str,
    find: impl FnOnce(&str) -> nix::Result<Option<I>>,
    of_number: fn(u32) -> I,
    report: &mut Report<'_>,
) -> Option<I> {
    match find(name) {
        Ok(Some(id)) => return Some(id),
        Ok(None) => {}
        Err(error) => {
            report.error(format!("{name:?} cannot be looked up ({}): write its number", error.desc()));
            return None;
        }
    }
    // The highest id means "leave it as it is".
    let number =
        name.parse().ok().filter(|number| *number != u32::MAX && name.bytes().all(|byte| byte.is_ascii_digit()));
    if number.is_none() {
        report.error(format!("there is no {kind} {name:?} on this machine: write the name or the number of one"));
    }
    number.map(of_number)
}

/// Binds a socket file and begins to listen. Clients can connect only once the file has its rights, and the file never
/// has more than those.
pub(crate) fn bind(path: &Path, backlog: i32, rights: Rights) -> io::Result<(UnixListener, SocketFile, OnItsWay)> {
    remove_stale_socket(path)?;
    let (socket, on_its_way) = OnItsWay::open(|| Socket::new(Domain::UNIX, Type::STREAM, None))?;
    socket.set_nonblocking(true)?;
    if rights.is_given() {
        // On Linux the file is created with the mode of the socket. Elsewhere it is enough that clients cannot connect
        // before `listen`.
        let _ = fchmod(&socket, Mode::S_IRUSR | Mode::S_IWUSR);
    }
    socket.bind(&SockAddr::unix(path)?)?;
    let file = SocketFile::new(path);
    rights.give(path)?;
    socket.listen(backlog)?;
    Ok((socket.into(), file, on_its_way))
}

/// Why a socket file was refused with [`io::ErrorKind::PermissionDenied`] or [`io::ErrorKind::ReadOnlyFilesystem`], and
/// what can be done.
pub(crate) fn denied(path: &Path, error: &io::Error) -> String {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if error.kind() == io::ErrorKind::ReadOnlyFilesystem {
        return format!("the file system of the folder {folder:?} is read-only: write a path in another folder");
    }
    // Another user's socket says this too, when it is asked whether a server listens there.
    if std::fs::symlink_metadata(path).is_ok() {
        return "permission was denied, since a socket of another user is there: remove it, or write another path"
            .into();
    }
    format!(
        "permission was denied, since this user cannot write to the folder {folder:?}: let the user that runs the \
         proxy write there, or write a path in a folder of its own"
    )
}

/// Removes a stale socket file: a process died and left it, and no server listens on it any more. A socket that answers
/// stays, and binding then fails.
fn remove_stale_socket(path: &Path) -> io::Result<()> {
    let Ok(metadata) = std::fs::symlink_metadata(path) else { return Ok(()) };
    if !metadata.file_type().is_socket() {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "a file of that name exists and is not a socket: remove it, or write another path",
        ));
    }
    match listens(path)? {
        true => Err(io::ErrorKind::AddrInUse.into()),
        false => std::fs::remove_file(path),
    }
}

/// Whether anybody listens at the socket with this file.
fn listens(path: &Path) -> io::Result<bool> {
    let (socket, _on_its_way) = OnItsWay::open(|| Socket::new(Domain::UNIX, Type::STREAM, None))?;
    // A socket with a full queue would block for as long as it is full.
    socket.set_nonblocking(true)?;
    match socket.connect(&SockAddr::unix(path)?) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(true),
        // A socket of another type, to which a stream cannot connect.
        Err(error) if error.raw_os_error() == Some(nix::libc::EPROTOTYPE) => Ok(true),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn compile(spec: &config::BindConfig, is_unix: bool) -> (Rights, Vec<String>) {
        Report::told(|report| Rights::compile(spec, is_unix, report))
    }

    fn spec(mode: Option<i64>, owner: Option<&str>, group: Option<&str>) -> config::BindConfig {
        let (owner, group) = (owner.map(Into::into), group.map(Into::into));
        config::BindConfig { mode, owner, group, ..config::BindConfig::default() }
    }

    #[test]
    fn a_file_has_the_rights_that_were_asked_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.sock");
        let (uid, gid) = (Uid::effective().to_string(), Gid::effective().to_string());
        for mode in [0o600, 0o660, 0o666, 0o777] {
            let (rights, problems) = compile(&spec(Some(mode), Some(&uid), Some(&gid)), true);
            assert!(problems.is_empty(), "{problems:?}");
            let bound = bind(&path, 1, rights).expect("a socket");
            let metadata = std::fs::symlink_metadata(&path).expect("a file");
            assert_eq!(i64::from(metadata.permissions().mode() & 0o7777), mode);
            assert_eq!((metadata.uid().to_string(), metadata.gid().to_string()), (uid.clone(), gid.clone()));
            drop(bound);
            assert!(!path.exists());
        }
    }

    #[test]
    fn a_shared_file_stays_only_while_another_one_listens_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.sock");
        for other_listens in [true, false] {
            let (listener, mut file, mark) = bind(&path, 1, Rights::default()).expect("a socket");
            let other = other_listens.then(|| listener.try_clone().expect("a copy"));
            file.share();
            drop((mark, listener, file));
            assert_eq!(path.exists(), other_listens);
            drop(other);
        }
    }

    #[test]
    fn a_file_that_took_its_place_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.sock");
        let first = bind(&path, 1, Rights::default()).expect("a socket");
        std::fs::remove_file(&path).expect("removed");
        let second = bind(&path, 1, Rights::default()).expect("another");
        drop(first);
        assert!(path.exists());
        drop(second);
        assert!(!path.exists());
    }

    #[test]
    fn a_socket_whose_queue_is_full_is_in_use() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.sock");
        let _busy = bind(&path, 0, Rights::default()).expect("a socket");
        let clients: Vec<_> = (0..4)
            .map(|_| {
                let client = Socket::new(Domain::UNIX, Type::STREAM, None).expect("a socket");
                client.set_nonblocking(true).expect("non-blocking");
                let result = client.connect(&SockAddr::unix(&path).expect("an address"));
                (client, result.map_err(|error| error.kind()))
            })
            .collect();
        assert!(clients.iter().any(|(_, result)| *result == Err(io::ErrorKind::WouldBlock)), "{clients:?}");
        let error = bind(&path, 1, Rights::default()).expect_err("in use");
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn names_and_numbers_of_users_and_groups_are_read() {
        let (rights, problems) = compile(&spec(None, Some("root"), Some("12345")), true);
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!((rights.owner, rights.group), (Some(Uid::from_raw(0)), Some(Gid::from_raw(12345))));
    }

    #[test]
    fn what_cannot_be_is_reported_with_what_to_write() {
        for (spec, is_unix, message) in [
            (
                spec(Some(660), None, None),
                true,
                "mode: 660 is not a valid file mode: write an octal number such as 0o660",
            ),
            (spec(Some(-1), None, None), true, "mode: -1 is not a valid file mode"),
            (spec(Some(0o444), None, None), true, "mode: with 0o444 nobody can connect"),
            (
                spec(None, Some("nobody-here"), None),
                true,
                "owner: there is no user \"nobody-here\" on this machine: write",
            ),
            (spec(None, None, Some("nobody-here")), true, "group: there is no group \"nobody-here\" on this machine"),
            (spec(None, None, Some("")), true, "group: there is no group \"\""),
            (spec(None, Some("4294967295"), None), true, "owner: there is no user \"4294967295\""),
            (spec(Some(0o660), None, None), false, "mode: only the file of a unix socket has that: leave it out"),
            (spec(None, Some("root"), None), false, "owner: only the file of a unix socket"),
        ] {
            let (_, problems) = compile(&spec, is_unix);
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert!(problems[0].starts_with(message), "{problems:?}");
        }
    }
}
