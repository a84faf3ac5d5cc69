//! The application's own tokens: who it is, how it proves that, and a token a resource, kept and renewed.
//!
//! It asks the token service itself, over the one HTTP client, since the SDK signs with RS256 and a SHA-1 thumbprint and cannot
//! leave the key in the vault. It reads no settings, no files and no environment: what it needs is handed in.

mod aadsts;
mod app;
mod assertion;
mod certificate;
mod claims;
mod clock;
mod cms;
mod entra;
mod signer;
mod tenant;
mod token;

pub use aadsts::{Retry, Row, TABLE, find};
pub use app::{App, AppOptions, Proof, ReadToken, read_answer};
pub use certificate::{Certificate, KeyPair, PASSWORD_NEEDED, PASSWORD_WRONG};
pub use claims::{Claims, claims};
pub use clock::Clock;
pub use cms::{SignedBy, check_detached, sign_detached, signs_as};
pub use entra::{Entra, EntraOptions};
pub use signer::{LocalSigner, Signer, VaultSigner};
pub use tenant::{Authority, Directory, Marks};
pub use token::Token;
