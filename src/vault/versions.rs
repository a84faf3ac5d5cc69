//! The versions of an object before its newest one: found, and disabled once nothing needs them any more.

use super::{
    Family, Planned, Vault,
    keep::{name_of, version_of},
};
use crate::error::Result;
use azure_core::http::RequestContent;
use azure_security_keyvault_certificates::models as certificates;
use azure_security_keyvault_secrets::models as secrets;
use futures::TryStreamExt as _;
use serde_json::json;

/// Identifier of a version, and whether it may be used.
type Version = (Option<String>, Option<bool>);

impl Vault {
    /// Shows the call of [`Self::older_versions`].
    pub fn plan_versions(&self, family: Family, name: &str) -> Planned {
        self.planned("GET", &format!("{}/{name}/versions", family.path()), None)
    }

    /// Shows the call of [`Self::disable`].
    pub fn plan_disable(&self, family: Family, name: &str, version: &str) -> Planned {
        self.planned("PATCH", &format!("{}/{name}/{version}", family.path()), Some(json!({"attributes": {"enabled": false}})))
    }

    /// Lists the enabled versions of an object other than the newest.
    ///
    /// # Errors
    /// As the vault refused.
    pub async fn older_versions(&self, family: Family, name: &str, newest: &str) -> Result<Vec<String>> {
        let doing = format!("listing the versions of the {} `{name}` in", family.word());
        let listed = match family {
            Family::Certificates => self.certificate_versions(name).await,
            Family::Secrets => self.secret_versions(name).await,
        };
        let all = listed.map_err(|error| self.explain(&doing, &error))?;
        // The list is of one object; whatever else an answer holds is none of its versions.
        let own = all.into_iter().filter(|(id, _)| name_of(id.as_deref()).is_some_and(|found| found.eq_ignore_ascii_case(name)));
        let enabled = own.filter(|(_, enabled)| *enabled != Some(false)).map(|(id, _)| version_of(id.as_deref()));
        Ok(enabled.filter(|version| !version.is_empty() && !version.eq_ignore_ascii_case(newest)).collect())
    }

    async fn certificate_versions(&self, name: &str) -> azure_core::Result<Vec<Version>> {
        let all: Vec<_> = self.certificates.list_certificate_properties_versions(name, None)?.try_collect().await?;
        Ok(all.into_iter().map(|item| (item.id, item.attributes.and_then(|attributes| attributes.enabled))).collect())
    }

    async fn secret_versions(&self, name: &str) -> azure_core::Result<Vec<Version>> {
        let all: Vec<_> = self.secrets.list_secret_properties_versions(name, None)?.try_collect().await?;
        Ok(all.into_iter().map(|item| (item.id, item.attributes.and_then(|attributes| attributes.enabled))).collect())
    }

    /// Disables one version of an object, with the key and the secret behind a certificate.
    ///
    /// # Errors
    /// As the vault refused.
    pub async fn disable(&self, family: Family, name: &str, version: &str) -> Result<()> {
        let doing = format!("disabling the version {version} of the {} `{name}` in", family.word());
        let answer = match family {
            Family::Certificates => self.disable_certificate(name, version).await,
            Family::Secrets => self.disable_secret(name, version).await,
        };
        answer.map_err(|error| self.explain(&doing, &error))
    }

    async fn disable_certificate(&self, name: &str, version: &str) -> azure_core::Result<()> {
        let attributes = certificates::CertificateAttributes { enabled: Some(false), ..Default::default() };
        let change = certificates::UpdateCertificatePropertiesParameters { certificate_attributes: Some(attributes), ..Default::default() };
        let content: RequestContent<certificates::UpdateCertificatePropertiesParameters> = change.try_into()?;
        let options = certificates::CertificateClientUpdateCertificatePropertiesOptions {
            certificate_version: Some(version.to_owned()),
            ..Default::default()
        };
        self.certificates.update_certificate_properties(name, content, Some(options)).await.map(drop)
    }

    async fn disable_secret(&self, name: &str, version: &str) -> azure_core::Result<()> {
        let attributes = secrets::SecretAttributes { enabled: Some(false), ..Default::default() };
        let change = secrets::UpdateSecretPropertiesParameters { secret_attributes: Some(attributes), ..Default::default() };
        let content: RequestContent<secrets::UpdateSecretPropertiesParameters> = change.try_into()?;
        let options = secrets::SecretClientUpdateSecretPropertiesOptions { secret_version: Some(version.to_owned()), ..Default::default() };
        self.secrets.update_secret_properties(name, content, Some(options)).await.map(drop)
    }
}
