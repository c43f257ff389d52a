//! TLS: who the daemon is and whose clients it believes, from files that may be replaced while it runs.
//!
//! Certificate, key and authorities make one configuration, which is swapped as a whole. Connections keep the one that they
//! began with. A replacement that does not fit together changes nothing but the log.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use jiff::{SignedDuration, Timestamp};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ServerConfig, WebPkiClientVerifier};
use thiserror::Error;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::server::callers::{digest, read_secret};
use crate::server::config::TlsFiles;
use crate::vocab::limits::CERTIFICATE_WARNING;

/// Says why files of TLS cannot be taken.
#[derive(Debug, Error)]
pub enum TlsError {
    /// One cannot be read.
    #[error("cannot read `{}`", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// One holds no PEM of the kind that it should.
    #[error("`{}` holds no {what} in PEM", .path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
    },
    /// They do not fit together.
    #[error("`{}` and `{}` do not fit together", .certificate.display(), .key.display())]
    Pair {
        /// The certificate.
        certificate: PathBuf,
        /// The key.
        key: PathBuf,
        /// What is wrong.
        source: rustls::Error,
    },
    /// The authorities cannot be used.
    #[error("`{}` holds no usable authority", .0.display())]
    Authorities(PathBuf),
}

/// Holds who a listener is, as its files have it now.
#[derive(Debug)]
pub(super) struct Identity {
    files: TlsFiles,
    current: ArcSwap<Loaded>,
    seen: AtomicU64,
}

#[derive(Debug)]
struct Loaded {
    config: Arc<ServerConfig>,
    not_after: Option<Timestamp>,
}

/// Says how long a certificate still holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lifetime {
    /// Long enough.
    Good,
    /// Not much longer than this.
    Ending(Timestamp),
    /// It has ended.
    Over(Timestamp),
}

impl Identity {
    /// Reads the files.
    pub(super) fn open(files: &TlsFiles) -> Result<Self, TlsError> {
        let bytes = Bytes::read(files)?;
        Ok(Self {
            files: files.clone(),
            current: ArcSwap::from_pointee(bytes.load(files)?),
            seen: AtomicU64::new(bytes.digest()),
        })
    }

    /// Returns the configuration for a new connection.
    pub(super) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.load().config)
    }

    /// Reads the files again; tells whether there is something new in them.
    pub(super) fn refresh(&self) -> Result<bool, TlsError> {
        let bytes = Bytes::read(&self.files)?;
        let now = bytes.digest();
        if self.seen.swap(now, Ordering::Relaxed) == now {
            return Ok(false);
        }
        self.current.store(Arc::new(bytes.load(&self.files)?));
        Ok(true)
    }

    /// Returns the path of the certificate.
    pub(super) fn path(&self) -> &Path {
        &self.files.certificate
    }

    /// Tells how long the certificate still holds.
    pub(super) fn lifetime(&self, now: Timestamp) -> Lifetime {
        let warning = SignedDuration::try_from(CERTIFICATE_WARNING).unwrap_or_default();
        match self.current.load().not_after {
            Some(end) if end <= now => Lifetime::Over(end),
            Some(end) if end.duration_since(now) <= warning => Lifetime::Ending(end),
            Some(_) | None => Lifetime::Good,
        }
    }
}

/// The bytes of all files, of one moment.
struct Bytes {
    certificate: zeroize::Zeroizing<Vec<u8>>,
    key: zeroize::Zeroizing<Vec<u8>>,
    client_ca: Option<zeroize::Zeroizing<Vec<u8>>>,
}

impl Bytes {
    fn read(files: &TlsFiles) -> Result<Self, TlsError> {
        let read = |path: &Path| {
            read_secret(path).map_err(|source| TlsError::Read {
                path: path.to_owned(),
                source,
            })
        };
        Ok(Self {
            certificate: read(&files.certificate)?,
            key: read(&files.key)?,
            client_ca: files.client_ca.as_deref().map(read).transpose()?,
        })
    }

    fn digest(&self) -> u64 {
        let parts = [Some(&self.certificate), Some(&self.key), self.client_ca.as_ref()];
        let digests = parts.into_iter().flatten().map(|bytes| digest(bytes));
        digests.fold(0, |sum, each| sum.rotate_left(1) ^ each)
    }

    fn load(&self, files: &TlsFiles) -> Result<Loaded, TlsError> {
        let chain = certificates(&self.certificate, &files.certificate)?;
        let not_after = chain.first().and_then(|first| end_of(first));
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|_| TlsError::Pem {
            path: files.key.clone(),
            what: "private key",
        })?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let unusable = |source| TlsError::Pair {
            certificate: files.certificate.clone(),
            key: files.key.clone(),
            source,
        };
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(unusable)?;
        let builder = match (&self.client_ca, &files.client_ca) {
            (Some(bytes), Some(path)) => {
                let roots = authorities(bytes, path)?;
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                    .build()
                    .map_err(|_| TlsError::Authorities(path.clone()))?;
                builder.with_client_cert_verifier(verifier)
            }
            (None, _) | (_, None) => builder.with_no_client_auth(),
        };
        let mut config = builder.with_single_cert(chain, key).map_err(unusable)?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Loaded {
            config: Arc::new(config),
            not_after,
        })
    }
}

fn certificates(bytes: &[u8], path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bytes).collect();
    all.ok()
        .filter(|all| !all.is_empty())
        .ok_or_else(|| TlsError::Pem {
            path: path.to_owned(),
            what: "certificate",
        })
}

fn authorities(bytes: &[u8], path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(bytes, path)? {
        roots
            .add(certificate)
            .map_err(|_| TlsError::Authorities(path.to_owned()))?;
    }
    Ok(roots)
}

fn end_of(certificate: &CertificateDer<'_>) -> Option<Timestamp> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    Timestamp::from_second(parsed.validity().not_after.timestamp()).ok()
}

/// Returns the names of a client certificate that was verified: those of DNS, mail and URIs, and its common names.
pub(super) fn names_of(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok((_, parsed)) = X509Certificate::from_der(certificate) else {
        return Vec::new();
    };
    let mut names = Vec::new();
    if let Ok(Some(alternatives)) = parsed.subject_alternative_name() {
        for name in &alternatives.value.general_names {
            if let GeneralName::DNSName(name) | GeneralName::RFC822Name(name) | GeneralName::URI(name) = name
            {
                names.push((*name).to_owned());
            }
        }
    }
    let common = parsed.subject().iter_common_name();
    names.extend(common.filter_map(|name| name.as_str().ok()).map(str::to_owned));
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, CertifiedKey, KeyPair, generate_simple_self_signed};
    use std::fs;

    fn write(directory: &Path, pair: &CertifiedKey<KeyPair>) -> TlsFiles {
        let files = TlsFiles {
            certificate: directory.join("tls.crt"),
            key: directory.join("tls.key"),
            client_ca: None,
        };
        fs::write(&files.certificate, pair.cert.pem()).unwrap();
        fs::write(&files.key, pair.signing_key.serialize_pem()).unwrap();
        files
    }

    fn pair() -> CertifiedKey<KeyPair> {
        generate_simple_self_signed(["localhost".to_owned()]).unwrap()
    }

    #[test]
    fn a_pair_is_replaced_as_a_whole_or_not_at_all() {
        let directory = tempfile::tempdir().unwrap();
        let files = write(directory.path(), &pair());
        let identity = Identity::open(&files).unwrap();
        let first = identity.config();
        assert!(!identity.refresh().unwrap());
        let other = pair();
        fs::write(&files.certificate, other.cert.pem()).unwrap();
        let error = identity.refresh().unwrap_err();
        assert!(matches!(error, TlsError::Pair { .. }), "{error}");
        assert!(Arc::ptr_eq(&first, &identity.config()));
        assert!(!identity.refresh().unwrap(), "it is complained about once");
        fs::write(&files.key, other.signing_key.serialize_pem()).unwrap();
        assert!(identity.refresh().unwrap());
        assert!(!Arc::ptr_eq(&first, &identity.config()));
        fs::write(&files.key, "no key").unwrap();
        assert!(matches!(identity.refresh().unwrap_err(), TlsError::Pem { .. }));
        fs::remove_file(&files.key).unwrap();
        assert!(matches!(identity.refresh().unwrap_err(), TlsError::Read { .. }));
    }

    #[test]
    fn the_end_of_a_certificate_is_known_in_time() {
        let directory = tempfile::tempdir().unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(2030, 2, 1);
        let cert = params.self_signed(&key).unwrap();
        let files = write(
            directory.path(),
            &CertifiedKey {
                cert,
                signing_key: key,
            },
        );
        let identity = Identity::open(&files).unwrap();
        let at = |text: &str| identity.lifetime(text.parse().unwrap());
        let end: Timestamp = "2030-02-01T00:00:00Z".parse().unwrap();
        assert_eq!(at("2030-01-01T00:00:00Z"), Lifetime::Good);
        assert_eq!(at("2030-01-20T00:00:00Z"), Lifetime::Ending(end));
        assert_eq!(at("2030-02-01T00:00:00Z"), Lifetime::Over(end));
    }

    #[test]
    fn clients_have_the_names_of_their_certificate() {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["cms.example".to_owned()]).unwrap();
        let uri = "spiffe://example/cms".try_into().unwrap();
        params.subject_alt_names.push(rcgen::SanType::URI(uri));
        params.distinguished_name = rcgen::DistinguishedName::new();
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, "The CMS");
        let cert = params.self_signed(&key).unwrap();
        assert_eq!(
            names_of(cert.der()),
            ["cms.example", "spiffe://example/cms", "The CMS"]
        );
        assert!(names_of(&CertificateDer::from(vec![0_u8; 8])).is_empty());
    }
}
