//! `case seal`: verifies a case, has its sums signed where that is asked for, and ends it.

use super::verify;
use crate::{
    cli::SealArgs,
    console::{self, print_data},
    error::{Error, Kind, Result},
    identity::{self, Proof, Signer},
    journal::{Event, Failure, RunEnded, RunStarted, Signatory},
    run::{
        Context, proof,
        wire::{self, Wires},
    },
    settings::Settings,
    store::Case,
};
use jiff::Timestamp;
use serde_json::json;
use std::{path::Path, sync::Arc};

pub(super) async fn run(context: &Context, dir: &Path, args: &SealArgs) -> Result<u8> {
    let unfinished = Case::read(dir)?.seal()?.is_none();
    let settings = args.sign.then(|| context.settings()).transpose()?;
    let case = match Case::open(dir, env!("CARGO_PKG_VERSION")) {
        Ok(case) => case,
        Err(error) if error.code() == "CaseSealed" && unfinished && Case::read(dir)?.seal()?.is_some() => {
            context.console.say("the sealing that an earlier run began was finished");
            return told(context, dir);
        }
        Err(error) => return Err(error),
    };
    let sha256 = settings.as_ref().and_then(|settings| settings.config.as_ref()).map(|config| config.sha256.clone());
    case.journal().prepare(RunStarted::here(env!("CARGO_PKG_VERSION"), context.command_line(), sha256));
    if let Err(error) = seal(context, &case, settings.as_ref()).await {
        let failure = Failure { code: error.code(), message: error.message().to_owned(), hint: None, exit: error.kind().exit_code() };
        let ended = RunEnded { exit: failure.exit, error: Some(failure), ..RunEnded::default() };
        // The journal may be the very thing that cannot be written to.
        let _told_already = case.journal().append(Event::RunEnded(ended));
        return Err(error);
    }
    told(context, dir)
}

async fn seal(context: &Context, case: &Case, settings: Option<&Settings>) -> Result<()> {
    let report = verify::verified(context, &Case::read(case.dir())?)?;
    if let Some(problem) = report.problems.first() {
        let message = format!("the case is not as it was written, and was not sealed: {}: {}", problem.path, problem.detail);
        return Err(Error::new(Kind::Disk, message).with_code("VerificationFailed").hint("`ircollect case verify` names everything"));
    }
    let signer = match settings {
        Some(settings) => Some(signer(context, settings).await?),
        None => None,
    };
    let by = signer.as_ref().map(|signer| identity::signs_as(signer.as_ref())).transpose()?;
    let sealing = case.sealing(by.map(|by| Signatory { subject: by.subject, certificate_sha256: by.sha256 }))?;
    let signature = match &signer {
        Some(signer) => Some(identity::sign_detached(signer.as_ref(), sealing.sums().as_bytes(), Timestamp::now()).await?),
        None => None,
    };
    sealing.finish(signature.as_deref())
}

/// Returns who signs: the certificate of the one profile, its key here or in the vault. What the vault is asked goes to the log, not to
/// the journal: its last event is known before the signature is.
async fn signer(context: &Context, settings: &Settings) -> Result<Arc<dyn Signer>> {
    let [profile] = settings.profiles.as_slice() else {
        return Err(
            Error::new(Kind::Usage, "--sign takes the certificate of one profile, and there are several").hint("choose one with --profile")
        );
    };
    let wires = Wires::without_case(context, settings)?;
    let ready = wires.unless_cancelled(proof::ready(&wires, profile)).await?;
    for warning in wire::warnings(&wires, []).into_iter().chain(ready.warnings) {
        context.console.warn(&warning);
    }
    match ready.proof {
        Proof::Certificate { signer, .. } => Ok(signer),
        _ => Err(Error::new(Kind::Usage, format!("the profile `{}` has no certificate to sign with", profile.name))
            .hint("seal without --sign, or with a profile whose credential is a certificate")),
    }
}

fn told(context: &Context, dir: &Path) -> Result<u8> {
    let status = Case::read(dir)?.status()?;
    let sealed = status.sealed.unwrap_or_default();
    if context.global.json {
        print_data(&format!("{:#}\n", json!({ "case": dir.display().to_string(), "sealed": sealed })))?;
        return Ok(0);
    }
    let check = if sealed.signed_by.is_some() {
        "\nanybody can check it: openssl cms -verify -binary -inform DER -in SHA256SUMS.p7s -content SHA256SUMS -noverify -out /dev/null"
    } else {
        ""
    };
    context.console.say(&format!(
        "sealed {}: {}; `sha256sum -c SHA256SUMS` in it checks them all{check}",
        dir.display(),
        console::count(sealed.files, "file")
    ));
    Ok(0)
}
