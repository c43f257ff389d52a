//! The doors: every kind of listener, who may come in, and what is said to those who ask too much.

use std::fs;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use placet::rpc::proto::v1;
use placet::rpc::proto::v1::policy_admin_service_client::PolicyAdminServiceClient;
use placet::rpc::proto::v1::policy_decision_service_client::PolicyDecisionServiceClient;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tempfile::TempDir;
use tokio::net::{TcpStream, UnixStream};
use tonic::codec::CompressionEncoding;
use tonic::metadata::MetadataValue;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_types::StatusExt;
use tower::service_fn;

use crate::serve::{Daemon, GRANTS, OTHER_GRANTS, write_profile};

pub(crate) const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// An authority, a server and a client, and a directory with their files.
pub(crate) struct Papers {
    pub(crate) directory: TempDir,
    issuer: Issuer<'static, KeyPair>,
    authority: CertificateDer<'static>,
}

impl Papers {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("ca.crt"), certificate.pem()).unwrap();
        let papers = Self {
            directory,
            issuer: Issuer::new(params, key),
            authority: certificate.der().clone(),
        };
        papers.issue("server", "localhost");
        papers.issue("client", "cms.example");
        papers
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a certificate for a name, and its key.
    pub(crate) fn issue(&self, file: &str, name: &str) {
        self.write(file, CertificateParams::new([name.to_owned()]).unwrap());
    }

    /// Writes a certificate that has ended long ago, and its key.
    fn issue_ended(&self, file: &str, name: &str) {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2020, 2, 1);
        self.write(file, params);
    }

    fn write(&self, file: &str, params: CertificateParams) {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        fs::write(self.path(&format!("{file}.key.new")), key.serialize_pem()).unwrap();
        fs::write(self.path(&format!("{file}.crt.new")), certificate.pem()).unwrap();
        for kind in ["key", "crt"] {
            fs::rename(
                self.path(&format!("{file}.{kind}.new")),
                self.path(&format!("{file}.{kind}")),
            )
            .unwrap();
        }
    }

    /// How a client connects; with a certificate of its own if `shows` one.
    fn client(&self, shows: bool) -> Arc<rustls::ClientConfig> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.authority.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let mut config = if shows {
            let chain = CertificateDer::pem_file_iter(self.path("client.crt")).unwrap();
            let key = PrivateKeyDer::from_pem_file(self.path("client.key")).unwrap();
            builder
                .with_client_auth_cert(chain.map(Result::unwrap).collect(), key)
                .unwrap()
        } else {
            builder.with_no_client_auth()
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        Arc::new(config)
    }

    /// Connects by TLS, and returns the certificate of the server as well.
    pub(crate) async fn connect(
        &self,
        address: SocketAddr,
        shows: bool,
    ) -> std::io::Result<(Channel, CertificateDer<'static>)> {
        let stream = TcpStream::connect(address).await?;
        let connector = tokio_rustls::TlsConnector::from(self.client(shows));
        let name = ServerName::try_from("localhost").unwrap();
        let stream = connector.connect(name, stream).await?;
        let (_, session) = stream.get_ref();
        assert_eq!(session.alpn_protocol(), Some(&b"h2"[..]));
        let shown = session.peer_certificates().unwrap()[0].clone().into_owned();
        let mut stream = Some(stream);
        let channel =
            Endpoint::from_static("http://localhost").connect_with_connector_lazy(service_fn(move |_| {
                let stream = stream.take().map(TokioIo::new);
                async move { stream.ok_or_else(|| std::io::Error::other("the connection ended")) }
            }));
        Ok((channel, shown))
    }
}

/// Connects to a Unix socket.
pub(crate) async fn connect_unix(path: PathBuf) -> Result<Channel, tonic::transport::Error> {
    Endpoint::from_static("http://localhost")
        .connect_with_connector(service_fn(move |_| {
            let path = path.clone();
            async move { UnixStream::connect(path).await.map(TokioIo::new) }
        }))
        .await
}

/// A question that is allowed.
pub(crate) fn question() -> v1::CheckRequest {
    crate::grpc::message(
        "CheckRequest",
        serde_json::json!({
            "subject": {"roles": ["editor"]}, "action": "read", "resource": {"collection": "articles"},
        }),
    )
}

pub(crate) async fn check(channel: &Channel) -> Result<v1::Effect, Status> {
    let mut client = PolicyDecisionServiceClient::new(channel.clone());
    let answer = client.check(question()).await?.into_inner();
    Ok(answer.decision.unwrap().effect())
}

/// Starts a daemon with a configuration, and returns the addresses of its listeners by name once it is ready.
pub(crate) fn start(config: &str, directory: &Path) -> (Daemon, impl Fn(&str) -> SocketAddr + use<>) {
    let file = directory.join("placet.toml");
    fs::write(&file, config).unwrap();
    let daemon = Daemon::start(
        |root| write_profile(root, "news", GRANTS),
        &["--config", file.to_str().unwrap()],
    );
    let addresses = daemon.addresses();
    (daemon, move |name: &str| addresses[name].parse().unwrap())
}

/// Every kind of listener at once, with two threads.
pub(crate) fn everything(papers: &Papers) -> String {
    let at = |name: &str| papers.path(name).display().to_string();
    let tls = format!(
        "certificate = \"{}\"\nkey = \"{}\"\n",
        at("server.crt"),
        at("server.key")
    );
    format!(
        "threads = 2\n\n[listener.socket]\naddress = \"unix:{}\"\nmode = \"600\"\n\n\
         [listener.tls]\naddress = \"127.0.0.1:0\"\n[listener.tls.tls]\n{tls}\n\
         [listener.mutual]\naddress = \"127.0.0.1:0\"\n[listener.mutual.tls]\n{tls}client_ca = \"{}\"\n\n\
         [listener.known]\naddress = \"127.0.0.1:0\"\nallow = [\"decide\", \"status\", \"administer\"]\n\
         [listener.known.auth]\ncallers = \"{}\"\n",
        at("placet.sock"),
        at("ca.crt"),
        at("callers"),
    )
}

pub(crate) fn write_callers(papers: &Papers, token: &str) {
    let text = format!("cms decide token:{token}\nops status,administer token:{token}-ops\n");
    fs::write(papers.path("callers.new"), text).unwrap();
    fs::rename(papers.path("callers.new"), papers.path("callers")).unwrap();
}

// The clients must go on answering while the test waits for the process.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn every_kind_of_listener_answers() {
    let papers = Papers::new();
    write_callers(&papers, TOKEN);
    let (mut daemon, at) = start(&everything(&papers), papers.directory.path());
    for _ in 0..8 {
        let clear = Endpoint::from_shared(format!("http://{}", at("grpc"))).unwrap();
        assert_eq!(
            check(&clear.connect().await.unwrap()).await.unwrap(),
            v1::Effect::Allow
        );
        let socket = papers.path("placet.sock");
        let channel = connect_unix(socket).await.unwrap();
        assert_eq!(check(&channel).await.unwrap(), v1::Effect::Allow);
    }
    let mode = fs::metadata(papers.path("placet.sock"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let (channel, _) = papers.connect(at("tls"), false).await.unwrap();
    assert_eq!(check(&channel).await.unwrap(), v1::Effect::Allow);
    let (channel, _) = papers.connect(at("mutual"), true).await.unwrap();
    assert_eq!(check(&channel).await.unwrap(), v1::Effect::Allow);
    // Without a certificate the handshake may look finished to the client, but no request comes through.
    if let Ok((channel, _)) = papers.connect(at("mutual"), false).await {
        check(&channel).await.unwrap_err();
    }
    // Who speaks in the clear where TLS is spoken gets nowhere either.
    let clear = Endpoint::from_shared(format!("http://{}", at("tls"))).unwrap();
    if let Ok(channel) = clear.connect().await {
        check(&channel).await.unwrap_err();
    }
    daemon.signal("TERM");
    assert_eq!(daemon.wait().code(), Some(0));
    assert!(!papers.path("placet.sock").exists(), "the socket is taken away");
}

#[tokio::test]
async fn callers_may_do_what_their_file_says_and_it_is_read_again() {
    let papers = Papers::new();
    write_callers(&papers, TOKEN);
    let (daemon, at) = start(&everything(&papers), papers.directory.path());
    let endpoint = Endpoint::from_shared(format!("http://{}", at("known"))).unwrap();
    let channel = endpoint.connect().await.unwrap();
    let ask = async |token: &str| -> Code {
        let mut request = Request::new(question());
        if !token.is_empty() {
            let value: MetadataValue<_> = format!("Bearer {token}").parse().unwrap();
            request.metadata_mut().insert("authorization", value);
        }
        let mut client = PolicyDecisionServiceClient::new(channel.clone());
        client
            .check(request)
            .await
            .map_or_else(|status| status.code(), |_| Code::Ok)
    };
    let administer = async |token: &str| -> Code {
        let mut request = Request::new(v1::ReloadRequest::default());
        let value: MetadataValue<_> = format!("Bearer {token}").parse().unwrap();
        request.metadata_mut().insert("authorization", value);
        let mut client = PolicyAdminServiceClient::new(channel.clone());
        client
            .reload(request)
            .await
            .map_or_else(|status| status.code(), |_| Code::Ok)
    };
    let ops = format!("{TOKEN}-ops");
    assert_eq!(ask("").await, Code::Unauthenticated);
    assert_eq!(ask("wrong").await, Code::Unauthenticated);
    assert_eq!(ask(TOKEN).await, Code::Ok);
    assert_eq!(ask(&ops).await, Code::PermissionDenied);
    assert_eq!(administer(TOKEN).await, Code::PermissionDenied);
    assert_eq!(administer(&ops).await, Code::Ok);

    let other = "fedcba9876543210fedcba9876543210";
    write_callers(&papers, other);
    daemon.signal("HUP");
    daemon.wait_for("callers are replaced");
    assert_eq!(
        (ask(TOKEN).await, ask(other).await),
        (Code::Unauthenticated, Code::Ok)
    );
    fs::write(papers.path("callers"), "nonsense").unwrap();
    daemon.signal("HUP");
    let line = daemon.wait_for("callers cannot be replaced, the last good ones stay");
    assert!(line["reason"].as_str().unwrap().contains("line 1"), "{line}");
    assert_eq!(ask(other).await, Code::Ok);

    // Administration is not for everybody who can decide.
    let (channel, _) = papers.connect(at("tls"), false).await.unwrap();
    let mut client = PolicyAdminServiceClient::new(channel);
    let status = client
        .get_status(v1::GetStatusRequest::default())
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied, "{status:?}");
}

#[tokio::test]
async fn certificates_are_replaced_while_connections_last() {
    let papers = Papers::new();
    write_callers(&papers, TOKEN);
    let (daemon, at) = start(&everything(&papers), papers.directory.path());
    let (old, first) = papers.connect(at("tls"), false).await.unwrap();
    assert_eq!(check(&old).await.unwrap(), v1::Effect::Allow);

    papers.issue("server", "localhost");
    daemon.signal("HUP");
    // One line for each listener: the one that is asked may be the second.
    daemon.wait_for("certificate is replaced");
    daemon.wait_for("certificate is replaced");
    let (new, second) = papers.connect(at("tls"), false).await.unwrap();
    assert_ne!(first, second);
    assert_eq!(check(&new).await.unwrap(), v1::Effect::Allow);
    assert_eq!(check(&old).await.unwrap(), v1::Effect::Allow, "connections go on");

    fs::write(
        papers.path("server.key"),
        KeyPair::generate().unwrap().serialize_pem(),
    )
    .unwrap();
    daemon.signal("HUP");
    let line = daemon.wait_for("certificate cannot be replaced, the last good one stays");
    assert!(
        line["reason"].as_str().unwrap().contains("do not fit together"),
        "{line}"
    );
    let (new, third) = papers.connect(at("tls"), false).await.unwrap();
    assert_eq!(second, third);
    assert_eq!(check(&new).await.unwrap(), v1::Effect::Allow);
}

#[tokio::test]
async fn certificates_that_have_ended_are_refused_told_of_and_replaced() {
    let papers = Papers::new();
    write_callers(&papers, TOKEN);
    let (daemon, at) = start(&everything(&papers), papers.directory.path());
    let (known, _) = papers.connect(at("mutual"), true).await.unwrap();
    assert_eq!(check(&known).await.unwrap(), v1::Effect::Allow);
    papers.issue_ended("client", "cms.example");
    // A client learns of its refusal with the first answer, or before.
    if let Ok((late, _)) = papers.connect(at("mutual"), true).await {
        assert!(check(&late).await.is_err(), "a client's certificate has ended");
    }

    papers.issue_ended("server", "localhost");
    daemon.signal("HUP");
    let line = daemon.wait_for("certificate has ended, clients refuse it");
    assert_eq!(line["end"], "2020-02-01T00:00:00Z");
    let refused = papers.connect(at("tls"), false).await.err().unwrap();
    assert!(refused.to_string().contains("certificate"), "{refused}");

    papers.issue("server", "localhost");
    daemon.signal("HUP");
    daemon.wait_for("certificate is replaced");
    daemon.wait_for("certificate is replaced");
    let (channel, _) = papers.connect(at("tls"), false).await.unwrap();
    assert_eq!(check(&channel).await.unwrap(), v1::Effect::Allow);
}

fn reason(status: &Status) -> String {
    status
        .get_details_error_info()
        .map(|info| info.reason)
        .unwrap_or_default()
}

#[tokio::test]
async fn whoever_asks_too_much_is_told_so() {
    let daemon = Daemon::start(
        |root| write_profile(root, "news", GRANTS),
        &["--message-bytes", "65536"],
    );
    let channel = daemon.connect().await;
    let mut client = PolicyDecisionServiceClient::new(channel.clone());

    let mut request = Request::new(question());
    let long = "x".repeat(20 * 1024);
    request.metadata_mut().insert("x-long", long.parse().unwrap());
    let status = client.check(request).await.unwrap_err();
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::ResourceExhausted, "HEADERS_TOO_LARGE")
    );

    // Small as it is sent, large once unpacked.
    let mut bomb = question();
    bomb.transition = "x".repeat(1024 * 1024);
    let mut packing = client.clone().send_compressed(CompressionEncoding::Gzip);
    let status = packing.check(bomb.clone()).await.unwrap_err();
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::ResourceExhausted, "MESSAGE_TOO_LARGE")
    );
    assert!(
        packing.check(question()).await.is_ok(),
        "packed requests are taken"
    );
    let status = client.check(bomb).await.unwrap_err();
    assert_eq!(reason(&status), "MESSAGE_TOO_LARGE");

    let mut request = Request::new(question());
    request.set_timeout(Duration::from_nanos(1));
    let status = client.check(request).await.unwrap_err();
    // The client may be the first to notice.
    assert!(
        [Code::DeadlineExceeded, Code::Cancelled].contains(&status.code()),
        "{status:?}"
    );

    let mut request = Request::new(question());
    request
        .metadata_mut()
        .insert("grpc-timeout", "soon".parse().unwrap());
    let status = client.check(request).await.unwrap_err();
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::InvalidArgument, "MALFORMED_MESSAGE")
    );
    assert_eq!(check(&channel).await.unwrap(), v1::Effect::Allow);
}

static PANICS: AtomicBool = AtomicBool::new(false);

fn clock() -> Timestamp {
    assert!(!PANICS.load(Ordering::SeqCst), "the clock is broken on purpose");
    Timestamp::UNIX_EPOCH
}

#[test]
fn a_panic_is_internal_and_hurts_nobody_else() {
    use placet::server::effective::{Effective, Given};
    use placet::server::settings_file::SettingsFile;
    let directory = tempfile::tempdir().unwrap();
    write_profile(directory.path(), "news", OTHER_GRANTS);
    let socket = directory.path().join("placet.sock");
    let text = format!(
        "profiles = \"{}\"\n[listener.grpc]\naddress = \"off\"\n[listener.admin]\naddress = \"off\"\n\
         [listener.http]\naddress = \"off\"\n[listener.socket]\naddress = \"unix:{}\"\n",
        directory.path().display(),
        socket.display()
    );
    let given = Given {
        layer: <placet::server::settings::SettingsLayer as confique::Layer>::empty(),
        origins: std::collections::BTreeMap::new(),
    };
    let file = SettingsFile::parse("placet.toml", text).unwrap();
    let mut config = Effective::merge(given, Some(file)).unwrap().check().unwrap();
    config.now = clock;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let stop = placet::server::Stop::default();
        let daemon = tokio::spawn(placet::server::run(config, stop.clone()));
        let begun = Instant::now();
        let channel = loop {
            match connect_unix(socket.clone()).await {
                Ok(channel) if check(&channel).await.is_ok() => break channel,
                _ => assert!(begun.elapsed() < crate::serve::PATIENCE),
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        let other = connect_unix(socket.clone()).await.unwrap();
        for _ in 0..3 {
            PANICS.store(true, Ordering::SeqCst);
            let status = check(&channel).await.unwrap_err();
            assert_eq!(
                (status.code(), reason(&status).as_str()),
                (Code::Internal, "FAULT")
            );
            PANICS.store(false, Ordering::SeqCst);
            assert_eq!(check(&channel).await.unwrap(), v1::Effect::Deny);
            assert_eq!(check(&other).await.unwrap(), v1::Effect::Deny);
        }
        stop.soon.cancel();
        daemon.await.unwrap().unwrap();
    });
}

#[test]
fn connections_beyond_the_limit_and_silent_ones_are_closed() {
    let daemon = Daemon::start(
        |root| write_profile(root, "news", GRANTS),
        &["--connections", "2"],
    );
    let address = daemon.address();
    let begun = Instant::now();
    let connect = || {
        let stream = std::net::TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(15))).unwrap();
        stream
    };
    let mut silent = [connect(), connect()];
    let mut third = connect();
    let mut byte = [0; 1];
    // What the two are greeted with is read below; the third hears nothing but the end.
    assert!(
        matches!(third.read(&mut byte), Ok(0) | Err(_)),
        "it is closed at once"
    );
    assert!(begun.elapsed() < Duration::from_secs(4));
    for stream in &mut silent {
        while matches!(stream.read(&mut byte), Ok(1)) {}
    }
    let waited = begun.elapsed();
    println!("silent connections were closed after {waited:?}");
    assert!(
        waited > Duration::from_secs(4) && waited < Duration::from_secs(12),
        "{waited:?}"
    );
    // There is room again.
    let mut next = connect();
    next.write_all(crate::faults::GREETING).unwrap();
    assert!(matches!(next.read(&mut byte), Ok(1)), "it is greeted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn it_serves_on_for_a_grace_after_saying_not_serving() {
    let mut daemon = Daemon::start(
        |root| write_profile(root, "news", GRANTS),
        &["--grace-seconds", "2"],
    );
    let channel = daemon.connect().await;
    let mut health = tonic_health::pb::health_client::HealthClient::new(channel.clone());
    let begun = Instant::now();
    daemon.signal("TERM");
    while crate::serve::health(&mut health, "").await != Some(ServingStatus::NotServing) {
        assert!(
            begun.elapsed() < Duration::from_secs(2),
            "it does not say so in time"
        );
    }
    assert_eq!(
        check(&channel).await.unwrap(),
        v1::Effect::Allow,
        "it still serves"
    );
    assert_eq!(daemon.wait().code(), Some(0));
    assert!(
        begun.elapsed() > Duration::from_millis(1900),
        "{:?}",
        begun.elapsed()
    );
}
