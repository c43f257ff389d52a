//! Taking addresses and sockets: the places where the daemon listens, before anybody is let in.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, chown};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use crate::server::config::{Address, Listener, Mode, Owner};
use crate::server::tally::Seldom;
use crate::vocab::limits::BACKLOG_MAX;

/// A place that is taken.
#[derive(Debug)]
pub(super) enum Bound {
    /// An address.
    Tcp(TcpListener),
    /// A path.
    Unix(UnixListener, SocketFile),
}

impl Bound {
    /// Returns where this is, with the port that was found if any would do.
    pub(super) fn address(&self) -> io::Result<String> {
        match self {
            Self::Tcp(socket) => Ok(socket.local_addr()?.to_string()),
            Self::Unix(_, file) => Ok(format!("unix:{}", file.path.display())),
        }
    }
}

/// Takes the place of a listener.
pub(super) fn bind(listener: &Listener) -> io::Result<Bound> {
    match &listener.address {
        Address::Tcp(address) => bind_tcp(*address).map(Bound::Tcp),
        Address::Unix(path) => {
            let (socket, file) = bind_unix(path, listener.mode, listener.owner.as_ref())?;
            Ok(Bound::Unix(socket, file))
        }
        // The configuration leaves such listeners out.
        Address::Off => Err(io::ErrorKind::Unsupported.into()),
    }
}

/// Takes an address, alone: whoever shares one would take the port of a daemon that runs already, without a word.
pub(super) fn bind_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG_MAX)?;
    Ok(socket.into())
}

/// Makes the socket beside its path and moves it there when it has its owner and mode: nobody gets in before.
fn bind_unix(path: &Path, mode: Mode, owner: Option<&Owner>) -> io::Result<(UnixListener, SocketFile)> {
    make_way(path)?;
    let mut beside = path.to_owned().into_os_string();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    match fs::symlink_metadata(&beside) {
        Ok(old) if old.file_type().is_socket() => fs::remove_file(&beside)?,
        Ok(_) => return Err(occupied(&beside)),
        Err(_) => {}
    }
    let listener = UnixListener::bind(&beside)?;
    let prepared = prepare(&beside, mode, owner);
    if let Err(error) = prepared.and_then(|()| fs::rename(&beside, path)) {
        let _ = fs::remove_file(&beside);
        return Err(error);
    }
    listener.set_nonblocking(true)?;
    let metadata = fs::symlink_metadata(path)?;
    let file = SocketFile {
        path: path.to_owned(),
        identity: (metadata.dev(), metadata.ino()),
    };
    Ok((listener, file))
}

fn prepare(path: &Path, mode: Mode, owner: Option<&Owner>) -> io::Result<()> {
    if let Some(owner) = owner {
        let (user, group) = find_owner(owner)?;
        chown(path, user, group)?;
    }
    fs::set_permissions(path, fs::Permissions::from_mode(mode.0))
}

/// Looks whether a path may be taken: it is free, or a socket that nobody listens at any more.
fn make_way(path: &Path) -> io::Result<()> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !metadata.file_type().is_socket() {
        return Err(occupied(path));
    }
    match UnixStream::connect(path) {
        Ok(_) => Err(io::ErrorKind::AddrInUse.into()),
        // Of a process that ended without taking it away.
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
        Err(error) => Err(error),
    }
}

fn occupied(path: &Path) -> io::Error {
    let message = format!("`{}` is there and no socket", path.display());
    io::Error::new(io::ErrorKind::AlreadyExists, message)
}

fn find_owner(owner: &Owner) -> io::Result<(Option<u32>, Option<u32>)> {
    let unknown = |kind: &str, name: &str| {
        let message = format!("there is no {kind} `{name}`");
        io::Error::new(io::ErrorKind::NotFound, message)
    };
    let user = match &owner.user {
        None => None,
        Some(name) => match (name.parse(), nix::unistd::User::from_name(name)) {
            (_, Ok(Some(user))) => Some(user.uid.as_raw()),
            (Ok(number), _) => Some(number),
            (Err(_), _) => return Err(unknown("user", name)),
        },
    };
    let group = match &owner.group {
        None => None,
        Some(name) => match (name.parse(), nix::unistd::Group::from_name(name)) {
            (_, Ok(Some(group))) => Some(group.gid.as_raw()),
            (Ok(number), _) => Some(number),
            (Err(_), _) => return Err(unknown("group", name)),
        },
    };
    Ok((user, group))
}

/// The file of a socket; it is taken away at the end unless somebody else has taken the path by then.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let ours = fs::symlink_metadata(&self.path)
            .is_ok_and(|metadata| (metadata.dev(), metadata.ino()) == self.identity);
        if ours {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Lets the process have as many descriptors as the system allows it; returns how many.
pub(super) fn raise_descriptors() -> Option<u64> {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
    if soft < hard {
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard).ok()?;
    }
    Some(hard)
}

/// How long accepting pauses when it fails for a reason that does not pass by itself.
const PAUSE: Duration = Duration::from_millis(100);

/// Says, not too often, why a listener could not accept a connection, and lets some time pass before it tries again.
pub(super) async fn pause_after(error: &io::Error, listener: &str, seldom: &Seldom) {
    // Whoever went away while he waited is no trouble of ours.
    if error.kind() == io::ErrorKind::ConnectionAborted {
        return;
    }
    if seldom.is_due() {
        let help = if is_exhausted(error) {
            "no descriptor is left: let the process have more (`ulimit -n`, `LimitNOFILE=`), or fewer `--connections`"
        } else {
            ""
        };
        tracing::error!(listener, %error, help, "cannot accept connections");
    }
    tokio::time::sleep(PAUSE).await;
}

/// Tells whether an accept failed because the process or the system has no descriptor left.
fn is_exhausted(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error().map(nix::errno::Errno::from_raw),
        Some(nix::errno::Errno::EMFILE | nix::errno::Errno::ENFILE)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(path: &Path, mode: u32) -> io::Result<(UnixListener, SocketFile)> {
        bind_unix(path, Mode(mode), None)
    }

    #[test]
    fn a_port_that_is_taken_is_not_shared() {
        let taken = bind_tcp("127.0.0.1:0".parse().unwrap()).unwrap();
        let error = bind_tcp(taken.local_addr().unwrap()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn a_socket_has_its_mode_and_goes_at_the_end() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("placet.sock");
        let (listener, file) = take(&path, 0o640).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        UnixStream::connect(&path).unwrap();
        let error = take(&path, 0o600).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        drop((listener, file));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_stale_socket_is_replaced_and_anything_else_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("placet.sock");
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let (_listener, file) = take(&path, 0o600).unwrap();
        UnixStream::connect(&path).unwrap();

        // Whoever takes the path over keeps it.
        fs::remove_file(&path).unwrap();
        fs::write(&path, "precious").unwrap();
        drop(file);
        let error = take(&path, 0o600).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }

    #[test]
    fn owners_are_found_by_name_and_number() {
        let owner = |text: &str| find_owner(&Owner::try_from(text.to_owned()).unwrap());
        assert_eq!(owner("root").unwrap(), (Some(0), None));
        assert_eq!(owner("12:34").unwrap(), (Some(12), Some(34)));
        assert!(owner("nobody-is-called-so").is_err());
        assert!(owner(":no-group-is-called-so").is_err());
    }
}
