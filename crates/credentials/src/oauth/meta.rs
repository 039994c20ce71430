//! Facebook Login, Login for Business, system users and pages. `spec/tokens.md §4`.

mod dialog;
mod exchange;
mod people;
mod system_users;

pub use dialog::{Dialog, Flow, dialog_url};
pub use exchange::{
    extend_user, read_revoked, read_token, redeem_code, refresh_system_user, revoke,
};
pub use people::{
    GrantedPage, Permission, PermissionStatus, accounts, page_token, permissions, read_accounts,
    read_page_token, read_permissions,
};
pub use system_users::{
    IssueRequest, SystemUser, create_system_user, install_app, integration_token, issue_token,
    list_system_users, read_created, read_installed, read_system_users,
};
