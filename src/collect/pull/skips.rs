//! Which refusals are no failures: a permission that the app lacks, a licence that the tenant lacks.

use crate::{api::catalogue::Source, error::Error, transport::ServiceFault};

/// Words of refusals that mean a licence is missing, or a product was never set up (apis.md 4.7, 5.2, 5.3).
const LICENCE: &[&str] = &[
    "tvm license",
    "account is not provisioned",
    "account mode is inactive",
    "nonpremiumtenant",
    "premium license",
    "not licensed",
    "license",
    "licence",
    "not provisioned",
    "not onboarded",
    "does not have a premium",
];

/// Codes of the token service where an API's own application is not in the tenant: the product was never set up.
const ABSENT: &[&str] = &["AADSTS500011", "AADSTS650052"];

/// Why a source is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LeftOut {
    pub(super) reason: String,
    /// The permission that would help.
    pub(super) permission: Option<String>,
}

/// Says why a refusal leaves the source out; none where it is another failure.
pub(super) fn left_out(error: &Error, source: &Source) -> Option<LeftOut> {
    if ABSENT.contains(&error.code().as_str()) {
        return Some(LeftOut { reason: format!("{} was never set up in the tenant", source.api.title()), permission: None });
    }
    if let Some(reason) = unlicensed(error, source) {
        return Some(LeftOut { reason, permission: None });
    }
    let fault = ServiceFault::of(error).filter(|fault| fault.status == Some(403))?;
    let required = fault.required_roles().first().map(|role| (*role).to_owned());
    let permission = required.filter(|_| source.permission.is_empty()).or_else(|| Some(source.permission.clone()));
    Some(LeftOut { reason: format!("the API refused the token: {}", fault.envelope.message), permission })
}

/// Says, of a refusal for want of a licence or of a product that was never set up, what it means; none of another.
pub fn unlicensed(error: &Error, source: &Source) -> Option<String> {
    let fault = ServiceFault::of(error)?;
    let status = fault.status.filter(|status| matches!(status, 400 | 401 | 403))?;
    let said = format!("{} {} {}", fault.envelope.code, fault.envelope.inner_code, fault.envelope.message).to_ascii_lowercase();
    let roles = !fault.required_roles().is_empty();
    let own = source.licence.iter().any(|words| said.contains(&words.to_ascii_lowercase()));
    let is_it = !roles && (own || (status != 400 && LICENCE.iter().any(|words| said.contains(words))));
    is_it.then(|| format!("the tenant has no licence for it, or has not set it up: {}", fault.envelope.message))
}
