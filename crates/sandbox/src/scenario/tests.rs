use super::*;

const WORLD: &str = r#"
seed = 7

[[apps]]
id = 100000000000001

[[assets]]
id = "1000000001"

[[tokens]]
name = "shop"
assets = ["1000000001"]
"#;

/// The mistakes of a text, as `key: what`.
fn mistakes(text: &str) -> Vec<String> {
    match Scenario::parse(text) {
        Ok(_) => Vec::new(),
        Err(ScenarioError::Keys(errors)) => errors.iter().map(ToString::to_string).collect(),
        Err(other) => panic!("{other}"),
    }
}

fn check(more: &str, expected: &[&str]) {
    let found = mistakes(&format!("{WORLD}\n{more}"));
    assert_eq!(found.len(), expected.len(), "{more}\n{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{more}\nexpected {expected}\nfound    {found}");
    }
}

#[test]
fn a_valid_scenario_is_read() {
    check(
        r#"
        [[timeline]]
        at_ms = 1000
        change.token_state = { token = "shop", state = "expired" }
        [[timeline]]
        after_events = 10
        asset = "1000000001"
        for_ms = 500
        percent = 30
        misbehave.html = { status = 502 }
        [[timeline]]
        after_requests = 3
        times = 1
        on = "any"
        misbehave = "cut_before"
        "#,
        &[],
    );
}

#[test]
fn every_mistake_is_told_at_once_under_its_key() {
    check(
        r#"
        [[apps]]
        id = "x"
        colour = 1
        [[assets]]
        id = "abc"
        [[tokens]]
        kind = "emperor"
        lifetime_s = -1
        [[timeline]]
        at_ms = "soon"
        percent = 101
        times = 0
        misbehave.html = { status = "bad", colour = 1 }
        "#,
        &[
            "apps[1].",
            "apps[1].",
            "tokens[1].",
            "tokens[1].",
            "timeline[0].",
            "timeline[0].",
            "timeline[0].",
            "assets[1].id: expected digits",
        ],
    );
}

#[test]
fn each_mistake_has_its_words() {
    for (more, expected) in [
        ("[[apps]]\nid = 100000000000001", "apps[1].id: 100000000000001 is taken"),
        ("[[apps]]\nproof = \"required\"", "apps[1].id: missing"),
        ("[[assets]]\nid = \"1000000001\"", "assets[1].id: \"1000000001\" is taken"),
        ("[[tokens]]\nkind = \"user\"", "tokens[1].name: missing"),
        ("[[tokens]]\nname = \"shop\"", "tokens[1].name: \"shop\" is taken"),
        ("[[tokens]]\nname = \"a/b\"", "tokens[1].name: expected 1 to 64 letters"),
        ("[[tokens]]\nname = \"a\"\napp = 5", "tokens[1].app: there is no app 5"),
        ("[[tokens]]\nname = \"a\"\nassets = [\"9\"]", "tokens[1].assets: there is no asset \"9\""),
        ("[[tokens]]\nname = \"a\"\nkind = \"page\"", "tokens[1].page: missing"),
        (
            "[[tokens]]\nname = \"a\"\nkind = \"page\"\npage = \"1000000001\"",
            "tokens[1].page: there is no page \"1000000001\"",
        ),
        (
            "[[tokens]]\nname = \"a\"\nparent = \"b\"",
            "tokens[1].parent: there is no token \"b\" before this one",
        ),
        (
            "[[tokens]]\nname = \"a\"\nlifetime_s = 99999999999",
            "tokens[1].lifetime_s: expected at most",
        ),
        ("[[timeline]]\nat_ms = 1", "timeline[0].misbehave: missing"),
        (
            "[[timeline]]\nmisbehave = \"gzip\"\nchange.reset_app_secret = { app = 100000000000001 }",
            "timeline[0].change: expected either misbehave or change, found both",
        ),
        (
            "[[timeline]]\nat_ms = 1\nafter_events = 1\nmisbehave = \"gzip\"",
            "timeline[0].at_ms: expected at most one of",
        ),
        ("[[timeline]]\npercent = 101\nmisbehave = \"gzip\"", "timeline[0].percent: expected"),
        ("[[timeline]]\ntimes = 0\nmisbehave = \"gzip\"", "timeline[0].times: expected"),
        (
            "[[timeline]]\ntimes = 2\nchange.reset_app_secret = { app = 100000000000001 }",
            "timeline[0].times: a change happens once",
        ),
        (
            "[[timeline]]\nasset = \"9\"\nmisbehave = \"gzip\"",
            "timeline[0].asset: there is no asset \"9\"",
        ),
        ("[[timeline]]\nmisbehave = \"sing\"", "timeline[0].misbehave: unknown variant `sing`"),
        (
            "[[timeline]]\nmisbehave.html = { status = 99 }",
            "timeline[0].misbehave.status: expected an HTTP status",
        ),
        (
            "[[timeline]]\nmisbehave.slow = { ms = 99999999 }",
            "timeline[0].misbehave.slow.ms: expected at most",
        ),
        (
            "[[timeline]]\nmisbehave.slow_body = { chunk_bytes = 0, pause_ms = 1 }",
            "timeline[0].misbehave.slow_body.chunk_bytes: expected at least 1",
        ),
        (
            "[[timeline]]\nmisbehave.redirect = { location = \"http://x/ y\" }",
            "timeline[0].misbehave.redirect.location: expected visible ASCII",
        ),
        (
            "[[timeline]]\nmisbehave.error = { status = 400, error = 1 }",
            "timeline[0].misbehave.error.error: expected an error object",
        ),
        (
            "[[timeline]]\nchange.token_state = { token = \"x\", state = \"expired\" }",
            "timeline[0].change.token_state.token: there is no token \"x\"",
        ),
        (
            "[[timeline]]\nchange.token_state = { token = \"shop\", state = \"tired\" }",
            "timeline[0].change.token_state.state: unknown variant `tired`",
        ),
        (
            "[[timeline]]\nchange.app_state = { app = 5, state = \"blocked\" }",
            "timeline[0].change.app_state.app: there is no app 5",
        ),
        (
            "[[timeline]]\nchange.assign = { token = \"shop\", asset = \"9\" }",
            "timeline[0].change.assign.asset: there is no asset \"9\"",
        ),
    ] {
        check(more, &[expected]);
    }
    assert!(mistakes("speed = 1")[0].starts_with("speed: unknown field `speed`"));
    assert!(mistakes("seed = \"x\"")[0].starts_with("seed: invalid type"));
    assert!(mistakes("apps = 1")[0].starts_with("apps: expected a list"));
    assert!(matches!(Scenario::parse("[["), Err(ScenarioError::Syntax(_))));
}

#[test]
fn two_missing_keys_are_both_told() {
    check(
        "[[timeline]]\nchange.token_state = {}",
        &[
            "timeline[0].change.token_state.token: missing",
            "timeline[0].change.token_state.state: missing",
        ],
    );
}

#[test]
fn what_names_a_mistaken_entry_is_no_second_mistake() {
    check(
        r#"
        [[tokens]]
        name = "late"
        kind = "emperor"
        [[timeline]]
        change.token_state = { token = "late", state = "expired" }
        "#,
        &["tokens[1].kind: unknown variant `emperor`"],
    );
    check(
        r#"
        [[tokens]]
        name = "late"
        app = 5
        [[timeline]]
        change.token_state = { token = "late", state = "expired" }
        "#,
        &["tokens[1].app: there is no app 5"],
    );
}

#[test]
fn the_same_seed_makes_the_same_strings() {
    let scenario = Scenario::parse(WORLD).unwrap();
    let text = |seed| furnish(&scenario, seed).unwrap().1.tokens[0].text.clone();
    assert_eq!(scenario.seed(), Some(7));
    assert_eq!(text(7), text(7));
    assert_ne!(text(7), text(8));
}
