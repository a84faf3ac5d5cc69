//! Precedence, selection and the rest of what [`super::resolve`] promises.

use super::*;
use crate::error::Error;

const TENANT_ID: &str = "11111111-2222-3333-4444-555555555555";
const APP: &str = "aaaaaaaa-0000-4000-8000-00000000000";

struct Place(tempfile::TempDir);

impl Place {
    fn with(text: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs_err::write(dir.path().join(FILE_NAME), text).unwrap();
        Self(dir)
    }

    fn resolve(&self, global: &Global, vars: &[(&str, &str)]) -> Result<Settings> {
        let env = vars.iter().copied().collect();
        resolve(global, &env, self.0.path())
    }

    fn error(&self, global: &Global, vars: &[(&str, &str)]) -> Error {
        self.resolve(global, vars).unwrap_err()
    }
}

fn one_profile() -> Place {
    Place::with(&format!(
        "case = 'from-file'\n[profiles.a]\ntenant = 'file.test'\napp_id = '{APP}1'\ncloud = 'usgov'\ncredential = {{ secret_env = 'IR' }}\n"
    ))
}

#[test]
fn precedence_of_every_setting() {
    let place = one_profile();
    let vars = [
        ("IRCOLLECT_TENANT", "var.test"),
        ("IRCOLLECT_APP_ID", "aaaaaaaa-0000-4000-8000-000000000002"),
        ("IRCOLLECT_CLOUD", "dod"),
        ("IRCOLLECT_CASE", "from-var"),
    ];
    let azure = [("AZURE_TENANT_ID", "azure.test"), ("AZURE_CLIENT_ID", "x"), ("AZURE_AUTHORITY_HOST", "https://login.chinacloudapi.cn")];
    let flags = Global {
        tenant: vec!["flag.test".into()],
        app_id: Some(format!("{APP}3")),
        cloud: Some("gcc".into()),
        case: Some("from-flag".into()),
        ..Global::default()
    };
    let seen = |global: &Global, vars: &[(&str, &str)]| {
        let settings = place.resolve(global, vars).unwrap();
        let profile = &settings.profiles[0];
        let case = settings.case.file_name().unwrap().to_str().unwrap().to_owned();
        (profile.tenants[0].clone(), profile.app_id.clone(), profile.cloud.name.clone(), case)
    };
    let all: Vec<_> = vars.iter().chain(&azure).copied().collect();
    let row = |tenant: &str, app: u8, cloud: &str, case: &str| (tenant.into(), format!("{APP}{app}"), cloud.into(), case.into());
    assert_eq!(seen(&flags, &all), row("flag.test", 3, "gcc", "from-flag"));
    assert_eq!(seen(&Global::default(), &all), row("var.test", 2, "dod", "from-var"));
    assert_eq!(seen(&Global::default(), &azure), row("file.test", 1, "usgov", "from-file"));
}

#[test]
fn azure_variables_alone_are_enough_and_fill_gaps() {
    let nowhere = tempfile::tempdir().unwrap();
    let app = format!("{APP}9");
    let vars = [("AZURE_TENANT_ID", TENANT_ID), ("AZURE_CLIENT_ID", &app), ("AZURE_CLIENT_SECRET", "s3cret")];
    let settings = resolve(&Global::default(), &vars.into_iter().collect(), nowhere.path()).unwrap();
    let profile = &settings.profiles[0];
    assert_eq!((profile.name.as_str(), profile.tenants[0].as_str(), profile.cloud.name.as_str()), ("default", TENANT_ID, "public"));
    assert_eq!(profile.credential.words(), "secret from a variable");
    assert_eq!(settings.case, nowhere.path().join("ircollect-case"));
    assert!(settings.config.is_none());

    let place = Place::with("[profiles.a]\ntenant = 'file.test'\n");
    let settings = place.resolve(&Global::default(), &vars).unwrap();
    assert_eq!((settings.profiles[0].tenants[0].as_str(), &settings.profiles[0].app_id), ("file.test", &app));
}

#[test]
fn the_azure_authority_fills_a_gap() {
    let place = Place::with(&format!("[profiles.a]\ntenant = 'a.test'\napp_id = '{APP}1'\ncredential = {{ secret_env = 'IR' }}\n"));
    let settings = place.resolve(&Global::default(), &[("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.us/")]).unwrap();
    assert_eq!(settings.profiles[0].cloud.name, "usgov");
}

fn several() -> Place {
    let section =
        |name: &str| format!("[profiles.{name}]\ntenant = '{name}.test'\napp_id = '{APP}1'\ncredential = {{ secret_env = 'IR' }}\n");
    Place::with(&[section("contoso"), section("fabrikam"), section("tailspin")].concat())
}

fn names(settings: &Settings) -> Vec<&str> {
    settings.profiles.iter().map(|profile| profile.name.as_str()).collect()
}

#[test]
fn profiles_are_chosen_by_name_all_or_exit_2() {
    let place = several();
    let flag = |names: &[&str]| Global { profile: names.iter().map(|name| (*name).to_owned()).collect(), ..Global::default() };
    let settings = place.resolve(&flag(&["tailspin", "contoso", "tailspin"]), &[("IRCOLLECT_PROFILE", "fabrikam")]).unwrap();
    assert_eq!(names(&settings), ["tailspin", "contoso"]);
    assert_eq!(names(&place.resolve(&Global::default(), &[("IRCOLLECT_PROFILE", "fabrikam,contoso")]).unwrap()), ["fabrikam", "contoso"]);
    let all = Global { all_profiles: true, ..Global::default() };
    assert_eq!(names(&place.resolve(&all, &[]).unwrap()), ["contoso", "fabrikam", "tailspin"]);
    let error = place.error(&Global::default(), &[]);
    assert_eq!((error.kind(), error.message()), (Kind::Usage, "the configuration has several profiles: contoso, fabrikam, tailspin"));
    assert_eq!(place.error(&flag(&["contso"]), &[]).hints(), ["did you mean `contoso`?"]);
}

#[test]
fn the_profile_named_default_is_taken() {
    let section =
        |name: &str| format!("[profiles.{name}]\ntenant = '{name}.test'\napp_id = '{APP}1'\ncredential = {{ secret_env = 'IR' }}\n");
    let place = Place::with(&[section("contoso"), section("default")].concat());
    assert_eq!(names(&place.resolve(&Global::default(), &[]).unwrap()), ["default"]);
}

#[test]
fn only_chosen_profiles_need_to_be_whole() {
    let place = Place::with(&format!(
        "[profiles.a]\ntenant = 'a.test'\napp_id = '{APP}1'\ncredential = {{ secret_env = 'IR' }}\n[profiles.b]\ntenant = 'b.test'\n"
    ));
    let flag = |name: &str| Global { profile: vec![name.to_owned()], ..Global::default() };
    assert!(place.resolve(&flag("a"), &[]).is_ok());
    let error = place.error(&flag("b"), &[]);
    assert!(error.message().ends_with("[profiles.b]: no credential is configured"), "{error}");
}

#[test]
fn what_is_missing_is_named() {
    let nowhere = tempfile::tempdir().unwrap();
    let error = |vars: &[(&str, &str)]| resolve(&Global::default(), &vars.iter().copied().collect(), nowhere.path()).unwrap_err();
    assert_eq!(error(&[("AZURE_CLIENT_SECRET", "x")]).message(), "no tenant is named");
    assert_eq!(error(&[("AZURE_CLIENT_SECRET", "x"), ("AZURE_TENANT_ID", "a.test")]).message(), "no application is named");
    assert_eq!(error(&[]).message(), "no credential is configured");
    assert_eq!(error(&[("IRCOLLECT_CONFIG", "none.toml")]).kind(), Kind::Usage);
}

#[test]
fn tenants_are_ids_or_domains_and_nothing_else() {
    let place = one_profile();
    let with = |tenant: &str| Global { tenant: vec![tenant.to_owned()], ..Global::default() };
    for bad in ["common", "contoso", "a.test/../b", "a b.test", "", "a..test", "https://a.test"] {
        assert_eq!(place.error(&with(bad), &[]).kind(), Kind::Usage, "{bad}");
    }
    let several = Global { tenant: vec!["B.test".into(), TENANT_ID.into(), "b.test".into()], ..Global::default() };
    assert_eq!(place.resolve(&several, &[]).unwrap().profiles[0].tenants, ["b.test", TENANT_ID]);
}

#[test]
fn paths_of_the_file_are_relative_to_it() {
    let place = Place::with("");
    let folder = place.0.path().join("conf");
    fs_err::create_dir(&folder).unwrap();
    let text = format!(
        "case = 'cases/1'\n[profiles.a]\ntenant = 'a.test'\napp_id = '{APP}1'\ncloud = 'lab'\ncredential = {{ certificate_file = 'app.pfx' }}\n[clouds.lab]\nca_file = 'ca.pem'\n"
    );
    fs_err::write(folder.join("ir.toml"), text).unwrap();
    fs_err::write(folder.join("ca.pem"), "-----BEGIN CERTIFICATE-----").unwrap();
    let global = Global { config: Some("conf/ir.toml".into()), ..Global::default() };
    let settings = place.resolve(&global, &[]).unwrap();
    assert_eq!(settings.case, folder.join("cases/1"));
    assert_eq!(settings.ca_pem.len(), 1);
    let Credential::CertificateFile { path, .. } = &settings.profiles[0].credential else { panic!() };
    assert_eq!(path, &folder.join("app.pfx"));
    assert_eq!(settings.config.unwrap().sha256.len(), 64);
    assert_eq!(case_dir(&global, &Env::default(), place.0.path()).unwrap(), folder.join("cases/1"));
}

#[test]
fn the_users_configuration_comes_last() {
    let home = Place::with("");
    let folder = home.0.path().join("ircollect");
    fs_err::create_dir(&folder).unwrap();
    fs_err::write(folder.join(FILE_NAME), "case = 'x'").unwrap();
    let nowhere = tempfile::tempdir().unwrap();
    let env: Env = [("XDG_CONFIG_HOME", home.0.path()), ("APPDATA", home.0.path())].into_iter().collect();
    assert_eq!(case_dir(&Global::default(), &env, nowhere.path()).unwrap(), folder.join("x"));
}

#[test]
fn names_are_answered_by_hand_and_flags_win() {
    let place = Place::with(&format!(
        "[profiles.a]\ntenant = 'a.test'\napp_id = '{APP}1'\ncloud = 'lab'\ncredential = {{ secret_env = 'IR' }}\n[clouds.lab]\nresolve = {{ 'kv.test' = '10.0.0.1', 'b.test' = '[::1]:99' }}\n"
    ));
    let global = Global { resolve: vec!["kv.test=10.0.0.2:8443".into()], ..Global::default() };
    let mut resolve = place.resolve(&global, &[]).unwrap().resolve;
    resolve.sort();
    assert_eq!(resolve, [("b.test".to_owned(), "[::1]:99".parse().unwrap()), ("kv.test".to_owned(), "10.0.0.2:8443".parse().unwrap())]);
    let bad = Global { resolve: vec!["kv.test".into()], ..Global::default() };
    assert_eq!(place.error(&bad, &[]).kind(), Kind::Usage);
}

#[test]
fn logins_to_the_vault_say_what_they_lack() {
    let place = Place::with(&format!(
        "[profiles.a]\ntenant = 'a.test'\napp_id = '{APP}1'\nvault_auth = 'environment'\ncredential = {{ vault = 'kv-ir', secret = 'x' }}\n"
    ));
    let profile = place.resolve(&Global::default(), &[]).unwrap().profiles.remove(0);
    let error = profile.vault_login().unwrap_err();
    assert_eq!((error.kind(), error.message().contains("AZURE_CLIENT_SECRET")), (Kind::Credential, true));
    let app = format!("{APP}7");
    let vars = [("AZURE_CLIENT_ID", app.as_str()), ("AZURE_CLIENT_SECRET", "s"), ("AZURE_TENANT_ID", "vault.test")];
    let profile = place.resolve(&Global::default(), &vars).unwrap().profiles.remove(0);
    let VaultLogin::Environment { tenant, app_id, credential } = profile.vault_login().unwrap() else { panic!() };
    assert_eq!((tenant.as_str(), app_id, credential.words()), ("vault.test", app.clone(), "secret from a variable"));
    assert_eq!((profile.app_id.as_str(), profile.tenants[0].as_str()), (&*format!("{APP}1"), "a.test"));
    assert_eq!(profile.login(VaultAuth::ManagedIdentity).unwrap(), VaultLogin::ManagedIdentity(Some(app)));
}

#[test]
fn quotas_overlay_the_documented_ones() {
    let place = Place::with(&format!(
        "[profiles.a]\ntenant = 'a.test'\napp_id = '{APP}1'\ncredential = {{ secret_env = 'IR' }}\n[quotas.graph]\ncalls_per_minute = 10\ntimeout = '90s'\n"
    ));
    let quotas = place.resolve(&Global::default(), &[]).unwrap().quotas;
    assert_eq!((quotas.of(Api::Graph).calls_per_minute, quotas.of(Api::Graph).rows_per_call), (10, 100_000));
    assert_eq!(quotas.of(Api::Mde).calls_per_hour, Some(1_500));
    let seconds = [Api::Graph, Api::Xdr].map(|api| quotas.of(api).timeout.as_secs());
    assert_eq!(seconds, [90, 240]);
    fs_err::write(place.0.path().join(FILE_NAME), "[quotas.graph]\nin_flight = 0").unwrap();
    let global = Global { tenant: vec!["a.test".into()], app_id: Some(format!("{APP}1")), ..Global::default() };
    let error = place.error(&global, &[("AZURE_CLIENT_SECRET", "x")]);
    assert_eq!(error.message(), "[quotas.graph]: a limit of 0 would let nothing through");
}

#[test]
fn apis_that_the_cloud_lacks_are_refused_early() {
    let text = |apis: &str| {
        format!("[profiles.a]\ntenant = 'a.test'\napp_id = '{APP}1'\ncloud = 'china'\n{apis}credential = {{ secret_env = 'IR' }}\n")
    };
    let place = Place::with(&text(""));
    assert_eq!(place.resolve(&Global::default(), &[]).unwrap().profiles[0].apis, [Api::Graph]);
    let place = Place::with(&text("apis = ['graph', 'mde']\n"));
    assert!(place.error(&Global::default(), &[]).message().contains("does not have the Defender for Endpoint API"));
}

#[test]
fn values_of_secrets_stay_out_of_debug() {
    let place = one_profile();
    let settings = place.resolve(&Global::default(), &[("IR", "hunter2"), ("AZURE_CLIENT_SECRET", "hunter3")]).unwrap();
    assert!(!format!("{settings:?}").contains("hunter"));
}
