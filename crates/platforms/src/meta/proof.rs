//! The app secret proof: shows Meta that whoever sends the token also knows the app's secret.

use hmac::{Hmac, KeyInit as _, Mac as _};
use holdfast_model::secret::Secret;
use holdfast_model::time::UnixMillis;
use sha2::Sha256;

use crate::{ProofForm, Signing};

/// The query parameters that prove the app, or none where its secret is not known.
pub fn parameters(signing: &Signing<'_>, now: UnixMillis) -> Option<String> {
    let secret = signing.app_secret?;
    Some(match signing.proof {
        ProofForm::Classic => format!("appsecret_proof={}", classic(secret, signing.token)),
        ProofForm::Timed => {
            let seconds = now.to_seconds().0;
            let proof = timed(secret, signing.token, seconds);
            format!("appsecret_proof={proof}&appsecret_time={seconds}")
        }
    })
}

/// Lower-case hexadecimal HMAC over the token.
pub fn classic(app_secret: &Secret, token: &Secret) -> String {
    hmac_hex(app_secret, token.expose().as_bytes())
}

/// The same over `token|seconds`; valid for five minutes.
pub fn timed(app_secret: &Secret, token: &Secret, unix_seconds: i64) -> String {
    let message = zeroize::Zeroizing::new(format!("{}|{unix_seconds}", token.expose()));
    hmac_hex(app_secret, message.as_bytes())
}

fn hmac_hex(app_secret: &Secret, message: &[u8]) -> String {
    let mut mac = <Hmac<Sha256>>::new_from_slice(app_secret.expose().as_bytes())
        .expect("HMAC takes keys of any length");
    mac.update(message);
    hex::encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    #[test]
    fn classic_vectors() {
        for (key, token, proof) in [
            (
                "s3cret",
                "EAATOKEN",
                "bbbbce7877d1993d1c0fbc4d0e65230e89c8d7e82811d37dd4c06b8df3748a95",
            ),
            (
                "fake-app-secret-0000",
                "FAKE-TOKEN-NOT-REAL",
                "4a4dfdfad425067160b98ae897c4acb4f8392138f7bb8f1e1a28bce82effa74a",
            ),
        ] {
            assert_eq!(classic(&secret(key), &secret(token)), proof);
        }
    }

    #[test]
    fn timed_vector() {
        assert_eq!(
            timed(&secret("fake-app-secret-0000"), &secret("FAKE-TOKEN-NOT-REAL"), 1_700_000_000),
            "3a0b3101215933c88580153fb2ac63496cfe9b0dcccb960ca7401c0e94fddbc2"
        );
    }
}
