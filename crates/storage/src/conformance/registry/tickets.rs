//! Tickets: for whoever knows their text, for a while, and some of them once.

use futures_util::future::join_all;
use holdfast_model::time::UnixMillis;

use super::RegistryFactory;
use crate::{Ticket, TicketPurpose};

fn ticket(purpose: TicketPurpose, byte: u8, body: &str) -> Ticket {
    Ticket {
        purpose,
        sha256: [byte; 32],
        body: body.to_owned(),
        created_at: UnixMillis(10),
        expires_at: UnixMillis(100),
    }
}

pub async fn a_ticket_is_taken_once(factory: &dyn RegistryFactory) {
    let registry = factory.open().await;
    let grant = ticket(TicketPurpose::Grant, 1, "{}");
    registry.put_ticket(&grant).await.unwrap();
    drop(registry);
    let registry = factory.open().await;
    let now = UnixMillis(50);
    assert_eq!(
        registry.ticket(TicketPurpose::Grant, &[1; 32], now).await.unwrap(),
        Some(grant.clone())
    );
    let takes = (0..50).map(|_| registry.take_ticket(TicketPurpose::Grant, &[1; 32], now));
    let taken: Vec<Ticket> = join_all(takes).await.into_iter().filter_map(Result::unwrap).collect();
    assert_eq!(taken, [grant]);
    assert_eq!(registry.ticket(TicketPurpose::Grant, &[1; 32], now).await.unwrap(), None);
}

pub async fn tickets_expire_and_are_forgotten(factory: &dyn RegistryFactory) {
    let registry = factory.open().await;
    registry.put_ticket(&ticket(TicketPurpose::Session, 1, "a")).await.unwrap();
    registry.put_ticket(&ticket(TicketPurpose::Session, 2, "b")).await.unwrap();
    let longer = Ticket { expires_at: UnixMillis(200), ..ticket(TicketPurpose::Session, 2, "c") };
    registry.put_ticket(&longer).await.unwrap();
    let at = |time, byte: u8| {
        let registry = &registry;
        async move {
            let found =
                registry.ticket(TicketPurpose::Session, &[byte; 32], UnixMillis(time)).await;
            found.unwrap().map(|ticket| ticket.body)
        }
    };
    assert_eq!(at(99, 1).await.as_deref(), Some("a"));
    assert_eq!(at(100, 1).await, None);
    assert_eq!(at(100, 2).await.as_deref(), Some("c"), "it was put again and lives longer");
    assert_eq!(registry.purge_tickets(UnixMillis(100)).await.unwrap(), 1);
    assert_eq!(registry.purge_tickets(UnixMillis(100)).await.unwrap(), 0);
    let late = registry.take_ticket(TicketPurpose::Session, &[2; 32], UnixMillis(200)).await;
    assert_eq!(late.unwrap(), None);
}

pub async fn purposes_are_apart(factory: &dyn RegistryFactory) {
    let registry = factory.open().await;
    registry.put_ticket(&ticket(TicketPurpose::Session, 1, "a session")).await.unwrap();
    for other in [TicketPurpose::Grant, TicketPurpose::Deletion] {
        assert_eq!(registry.take_ticket(other, &[1; 32], UnixMillis(50)).await.unwrap(), None);
    }
    let session = registry.ticket(TicketPurpose::Session, &[1; 32], UnixMillis(50)).await;
    assert_eq!(session.unwrap().unwrap().body, "a session");
}
