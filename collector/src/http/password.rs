//! Passwords: what one has to be, and argon2id (RFC 9106) of it.
//!
//! Hashing takes 19 MiB and some tens of milliseconds, so only a few are hashed at once, on threads
//! that may block. A password is never kept, logged or compared as text.

use std::sync::{Arc, OnceLock};

use argon2::password_hash::{Output, PasswordHash, PasswordHasher as _, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::sync::Semaphore;

use super::problem::Problem;

/// Characters of a password at least: what NIST SP 800-63B-4 asks where there may be no second
/// factor.
const CHARS_MIN: usize = 15;
/// Characters of a password at most; it is hashed whole.
const CHARS_MAX: usize = 256;

/// Hashes at once: memory is what argon2 takes.
const AT_ONCE: usize = 4;

/// What hashes passwords, a few at once.
#[derive(Clone, Debug)]
pub(crate) struct Passwords {
    turns: Arc<Semaphore>,
    /// A hash of nothing that anybody has, to take as long over an account that is not there.
    nobodys: Arc<OnceLock<String>>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self { turns: Arc::new(Semaphore::new(AT_ONCE)), nobodys: Arc::default() }
    }
}

impl Passwords {
    /// Hashes a new password, with the salt of another hash of the same address where there is one: so the
    /// accounts of an address are told apart by one hash, however many they are.
    ///
    /// # Errors
    ///
    /// When the system gives no random bytes.
    pub(crate) async fn hash(
        &self,
        password: String,
        beside: Option<String>,
    ) -> Result<String, Problem> {
        let hashed = self.in_turn(move || match beside.as_deref().and_then(salt_of) {
            Some(salt) => hash_with(&password, &salt),
            None => hash(&password),
        });
        hashed.await?.map_err(Problem::Internal)
    }

    /// Whether it is the password of the hash.
    ///
    /// # Errors
    ///
    /// When the system gives no random bytes.
    pub(crate) async fn verify(&self, password: String, phc: String) -> Result<bool, Problem> {
        Ok(!self.find(password, vec![phc]).await?.is_empty())
    }

    /// Which of some hashes are the password's, by their places. Hashes of one salt take as long as one of them,
    /// and none at all takes as long.
    ///
    /// # Errors
    ///
    /// When the system gives no random bytes.
    pub(crate) async fn find(
        &self,
        password: String,
        phcs: Vec<String>,
    ) -> Result<Vec<usize>, Problem> {
        let nobodys = Arc::clone(&self.nobodys);
        let found = self.in_turn(move || {
            matching(&password, &phcs).unwrap_or_else(|| {
                let nobodys = nobodys.get_or_init(|| hash("").unwrap_or_default()).clone();
                matching(&password, &[nobodys]);
                Vec::new()
            })
        });
        found.await
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        // Nobody closes the semaphore; if somebody did, hashing would still be right.
        let _turn = self.turns.acquire().await;
        let work = tokio::task::spawn_blocking(work).await;
        work.map_err(|error| Problem::Internal(error.into()))
    }
}

/// Hashes a password, at once and on this thread.
///
/// # Errors
///
/// When the system gives no random bytes.
pub(crate) fn hash(password: &str) -> anyhow::Result<String> {
    let mut salt = [0; 16];
    SystemRandom::new()
        .fill(&mut salt)
        .map_err(|_| anyhow::anyhow!("the system gives no random bytes"))?;
    let salt = SaltString::encode_b64(&salt).map_err(|error| anyhow::anyhow!("a salt: {error}"))?;
    hash_with(password, &salt)
}

fn hash_with(password: &str, salt: &SaltString) -> anyhow::Result<String> {
    let hash = argon2()
        .hash_password(password.as_bytes(), salt)
        .map_err(|error| anyhow::anyhow!("hash a password: {error}"))?;
    Ok(hash.to_string())
}

fn salt_of(phc: &str) -> Option<SaltString> {
    let hash = PasswordHash::new(phc).ok()?;
    SaltString::from_b64(hash.salt?.as_str()).ok()
}

/// Which of some hashes are the password's; `None` when none of them is a hash, which took no time.
fn matching(password: &str, phcs: &[String]) -> Option<Vec<usize>> {
    let mut computed: Vec<(&str, Option<Output>)> = Vec::new();
    let mut found = Vec::new();
    for (place, phc) in phcs.iter().enumerate() {
        let Ok(hash) = PasswordHash::new(phc) else { continue };
        // All but the hash itself: how it is made.
        let made_by = phc.rsplit_once('$').map_or("", |(made_by, _)| made_by);
        let done = computed.iter().find(|(done, _)| *done == made_by).map(|(_, output)| *output);
        let output = done.unwrap_or_else(|| {
            let output = output(password, &hash);
            computed.push((made_by, output));
            output
        });
        // Outputs compare in constant time.
        if output.is_some() && output == hash.hash {
            found.push(place);
        }
    }
    (!computed.is_empty()).then_some(found)
}

/// What the password gives, made as the hash was: older parameters stay good when ours change.
fn output(password: &str, hash: &PasswordHash<'_>) -> Option<Output> {
    let params = Params::try_from(hash).ok()?;
    let (password, algorithm) = (password.as_bytes(), Some(hash.algorithm));
    let made =
        argon2().hash_password_customized(password, algorithm, hash.version, params, hash.salt?);
    made.ok()?.hash
}

fn argon2() -> Argon2<'static> {
    // 19 MiB, two passes, one lane: OWASP's first choice for argon2id, and this crate's default.
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::default())
}

/// Checks what a new password has to be: long, and nothing that is near at hand. Nothing is asked of
/// its letters (NIST SP 800-63B-4, section 3.1.1).
///
/// # Errors
///
/// With what to do about it.
pub(crate) fn check(password: &str, email: &str) -> Result<(), String> {
    let count = password.chars().count();
    if !(CHARS_MIN..=CHARS_MAX).contains(&count) {
        return Err(format!(
            "{CHARS_MIN} to {CHARS_MAX} characters, of any kind: some words that only you put \
             together are best"
        ));
    }
    let lower = password.to_lowercase();
    let name = email.split('@').next().unwrap_or_default().to_lowercase();
    // A short name stands in many words; the whole address stands in none.
    let is_address = !email.is_empty() && lower.contains(&email.to_lowercase());
    let is_near = is_address
        || (name.chars().count() > 3 && lower.contains(&name))
        || lower.contains("muster");
    if is_near || is_repeated(&lower) {
        return Err("not your address, not this program's name, and not one part again and again"
            .to_owned());
    }
    Ok(())
}

/// Whether a text is one short part again and again, or runs up or down.
fn is_repeated(text: &str) -> bool {
    let chars: Vec<char> = text.chars().collect();
    let repeats =
        (1..=5).any(|length| chars.iter().zip(chars.iter().skip(length)).all(|(a, b)| a == b));
    let steps = |by: i64| {
        chars
            .windows(2)
            .all(|pair| i64::from(u32::from(pair[1])) - i64::from(u32::from(pair[0])) == by)
    };
    repeats || steps(1) || steps(-1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_right_for_its_own_hash_and_no_other() {
        let passwords = Passwords::default();
        let phc = passwords.hash("correct horse battery".to_owned(), None).await.unwrap();
        assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{phc}");
        let verify = |text: &str, phc| passwords.verify(text.to_owned(), phc);
        assert!(verify("correct horse battery", phc.clone()).await.unwrap());
        assert!(!verify("correct horse batterx", phc).await.unwrap());
        assert!(!verify("anything", "nonsense".to_owned()).await.unwrap());
    }

    #[tokio::test]
    async fn an_account_that_is_not_there_has_no_password_not_even_an_empty_one() {
        let passwords = Passwords::default();
        for text in ["", "anything"] {
            for none in [vec![], vec![String::new()]] {
                assert!(passwords.find(text.to_owned(), none).await.unwrap().is_empty());
            }
        }
        // It took a hash of the same cost to say so.
        assert!(passwords.nobodys.get().unwrap().contains("m=19456,t=2,p=1"));
    }

    #[tokio::test]
    async fn hashes_of_one_address_share_a_salt_and_are_told_apart() {
        let passwords = Passwords::default();
        let first = passwords.hash("correct horse battery".to_owned(), None).await.unwrap();
        let beside = Some(first.clone());
        let second = passwords.hash("seven quiet herons".to_owned(), beside).await.unwrap();
        let alone = passwords.hash("seven quiet herons".to_owned(), None).await.unwrap();
        let salt = |phc: &str| salt_of(phc).unwrap().as_str().to_owned();
        assert_eq!(salt(&first), salt(&second));
        assert_ne!(salt(&first), salt(&alone));
        let all = vec![first, String::new(), second, alone];
        let find = |text: &str| passwords.find(text.to_owned(), all.clone());
        assert_eq!(find("correct horse battery").await.unwrap(), [0]);
        assert_eq!(find("seven quiet herons").await.unwrap(), [2, 3]);
        assert!(find("another long one").await.unwrap().is_empty());
    }

    #[test]
    fn length_is_asked_and_kinds_of_letters_are_not() {
        assert!(check("all lower case words", "ann@x.example").is_ok());
        assert!(check("пароль из нескольких слов", "ann@x.example").is_ok());
        assert!(check("Sh0rt!", "ann@x.example").is_err());
        assert!(check(&"long ".repeat(60), "ann@x.example").is_err());
    }

    #[test]
    fn what_is_near_at_hand_is_refused() {
        for near in [
            "aaaaaaaaaaaaaaaa",
            "abcabcabcabcabcabc",
            "abcdefghijklmnopq",
            "zyxwvutsrqponmlk",
            "welcome to Muster",
            "johanna and a dog",
        ] {
            assert!(check(near, "Johanna@x.example").is_err(), "{near}");
        }
    }
}
