//! What the demo needs before anything runs: CVE data, a company and an API key; later a token.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use enrichment::bundled;
use protocol::ids::CompanyId;
use ring::rand::{SecureRandom as _, SystemRandom};
use serde_json::json;
use store::api_keys::{self, NewApiKey};
use store::audit::Origin;
use store::companies;
use store::tenant::Role;
use store::users::{self, NewOperator};
use uuid::Uuid;

use super::client::Client;
use crate::cli::database::{self, Database};
use crate::cli::key::new_key;
use crate::cli::settings::Settings;
use crate::feeds::{FeedImporter, FeedPaths};
use crate::http::password;

/// The demo's company.
const COMPANY: &str = "Demo";
/// Where the API key is, below the data folder.
pub(super) const KEY_FILE: &str = "demo-api-key";
/// Whom the console lets in, and where the password is, below the data folder.
pub(super) const OPERATOR: &str = "admin@demo.example";
pub(super) const PASSWORD_FILE: &str = "demo-password";
/// Random bytes of the password.
const PASSWORD_BYTES: usize = 18;

/// What was prepared.
#[derive(Debug)]
pub(super) struct Prepared {
    /// An API key of the demo's company.
    pub(super) key: String,
}

impl Prepared {
    /// An enrolment token for one host, valid for an hour.
    ///
    /// # Errors
    ///
    /// When the API does not make one.
    pub(super) async fn new_token(&self, client: &Client) -> anyhow::Result<String> {
        let wanted = json!({ "name": "demo", "uses_max": 1, "expires_after_s": 3_600 });
        let token = client.post("/api/v1/enrolment-tokens", &wanted).await?;
        token["token"].as_str().map(str::to_owned).context("the API's answer has no token")
    }
}

/// Prepares the data folder; what is there already stays.
///
/// # Errors
///
/// When the database or the folder cannot be used.
pub(super) fn prepare(settings: &Settings) -> anyhow::Result<Prepared> {
    // The command's future gives nothing back, so the key comes through a channel of one place.
    let (sender, receiver) = std::sync::mpsc::sync_channel(1);
    database::with(settings, async |db| {
        let key = company_key(&db).await?;
        sign_in(&db).await?;
        import_bundled(&db).await?;
        // The receiver outlives this call.
        sender.send(key).ok();
        Ok(())
    })?;
    let key = receiver.recv().context("prepare the demo")?;
    Ok(Prepared { key })
}

async fn company_key(db: &Database) -> anyhow::Result<String> {
    let operator = db.operator();
    let now = db.clock.now();
    if companies::find_by_name(&operator, COMPANY).await?.is_none() {
        let id = CompanyId(Uuid::new_v4());
        companies::create(&operator, id, COMPANY, now).await?;
    }
    let path = db.config.node.data_dir.join(KEY_FILE);
    if let Ok(text) = fs::read_to_string(&path)
        && let Ok(key) = text.parse()
        // A key of an older data folder, or one that was revoked, is replaced and not handed on.
        && db.store.authenticate(&key, now).await?.is_some()
    {
        return Ok(text.trim().to_owned());
    }
    let key = new_key()?;
    let new = NewApiKey { key: &key, name: "demo", expires_at: None };
    api_keys::create(&db.company(COMPANY).await?, &new, Role::Admin, now).await?;
    write_secret(&path, &key.expose()).with_context(|| format!("write {}", path.display()))?;
    Ok(key.expose())
}

/// Somebody who can sign in at the console, with a password that only this data folder has.
async fn sign_in(db: &Database) -> anyhow::Result<()> {
    let path = db.config.node.data_dir.join(PASSWORD_FILE);
    let accounts = users::by_email(&db.store, OPERATOR).await?;
    let account = accounts.into_iter().find(|account| account.is_operator);
    if account.is_some() && path.exists() {
        return Ok(());
    }
    let mut secret = [0; PASSWORD_BYTES];
    SystemRandom::new()
        .fill(&mut secret)
        .map_err(|_| anyhow::anyhow!("the system gives no random bytes"))?;
    let text = URL_SAFE_NO_PAD.encode(secret);
    let password = password::hash(&text)?;
    let now = db.clock.now();
    match account {
        // The file was taken away: there is a new one, and the old password ends.
        Some(account) => {
            let origin = Origin::local();
            users::set_password(&db.store, account.id, &password, None, &origin, now).await?;
        }
        None => {
            let new = NewOperator {
                id: Uuid::new_v4(),
                email: OPERATOR,
                name: "Demo",
                password: &password,
            };
            users::create_operator(&db.operator(), &new, now).await?;
        }
    }
    write_secret(&path, &text).with_context(|| format!("write {}", path.display()))
}

fn write_secret(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file =
        File::options().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    // Also of a file that was there, before anything is in it.
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    file.write_all(text.as_bytes())
}

async fn import_bundled(db: &Database) -> anyhow::Result<()> {
    let index = &db.config.enrichment.index;
    // Whoever has imported real feeds keeps them.
    if index.exists() {
        return Ok(());
    }
    let data_dir = &db.config.node.data_dir;
    let folder = data_dir.join("bundled-feed");
    fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    for (name, content) in bundled::FILES {
        fs::write(folder.join(name), content).with_context(|| format!("write {name}"))?;
    }
    let places = FeedPaths::of(&db.config);
    let importer = FeedImporter::new(db.store.clone(), db.clock.clone(), places);
    importer.import(vec![folder.clone()]).await.context("import the bundled CVE data")?;
    // What the index is made of is in the mirror by now.
    fs::remove_dir_all(&folder).with_context(|| format!("remove {}", folder.display()))
}
