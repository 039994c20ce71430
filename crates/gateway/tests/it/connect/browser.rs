//! What a browser does: keeps the cookie, and sends forms with what their page has.

use crate::harness::{Answer, Harness, read};

pub struct Browser<'a> {
    pub harness: &'a Harness,
    pub cookie: String,
    pub csrf: String,
}

impl<'a> Browser<'a> {
    pub fn new(harness: &'a Harness) -> Self {
        Self { harness, cookie: String::new(), csrf: String::new() }
    }

    pub async fn sign_in(&mut self, key: &str) {
        let answer = self.post_as_is("/sign-in", &[("key", key)]).await.expect(303);
        self.keep(&answer);
        self.csrf = csrf_in(&self.get("/connect").await.expect(200));
    }

    pub fn keep(&mut self, answer: &Answer) {
        let set = answer.header("set-cookie").unwrap();
        self.cookie = set.split(';').next().unwrap().to_owned();
    }

    pub async fn get(&self, path: &str) -> Answer {
        read(self.harness.request("GET", path).header("cookie", &self.cookie)).await
    }

    /// A form of ours.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let fields = [fields, &[("csrf", self.csrf.as_str())]].concat();
        self.post_as_is(path, &fields).await
    }

    pub async fn post_as_is(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = self.harness.request("POST", path).header("cookie", &self.cookie);
        read(request.header("content-type", "application/x-www-form-urlencoded").body(form)).await
    }

    /// Begins at Meta; the address of the dialog.
    pub async fn begin(&self, fields: &[(&str, &str)]) -> String {
        let app = holdfast_testkit::APP_ID.to_string();
        let usual = [("credential", "shop"), ("app", app.as_str()), ("way", "scopes")];
        let scopes = ("scopes", "ads_management business_management pages_show_list");
        let fields = [fields, &usual, &[scopes]].concat();
        location(&self.post("/connect/meta", &fields).await.expect(303))
    }

    /// Comes back from the platform, and on to the page with the result.
    pub async fn come_back(&self, to: &str) -> String {
        let result = location(&self.get(to).await.expect(303));
        assert!(result.starts_with("/connect/result/"), "{result}");
        text(self.get(&result).await.expect(200))
    }
}

pub fn location(answer: &Answer) -> String {
    answer.header("location").unwrap().to_owned()
}

pub fn text(answer: Answer) -> String {
    answer.body.as_str().unwrap_or_else(|| panic!("no page: {}", answer.body)).to_owned()
}

fn csrf_in(page: &Answer) -> String {
    let page = page.body.as_str().unwrap();
    let at = page.split("name=\"csrf\" value=\"").nth(1).unwrap();
    at.split('"').next().unwrap().to_owned()
}
