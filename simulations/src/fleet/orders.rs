//! What a scenario tells single agents to do, apart from what hosts do by themselves.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

/// When hosts change by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// From then on.
    pub(crate) from: Instant,
    /// Until then.
    pub(crate) until: Instant,
}

/// Something that a scenario wants of an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// A package comes, or comes in another version.
    Upgrade {
        /// The package's number in the stock.
        package: u32,
        /// What makes the version.
        number: u64,
    },
    /// The host changes by itself from now on, at its own pace.
    Change(Span),
    /// The network was gone: a connection is lost without a word, and who visits has missed a visit.
    Cut,
    /// The host is switched off for good, once everything that it said is answered.
    Leave,
}

/// The orders that wait for one agent. Nobody but its client takes them.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    waiting: Mutex<VecDeque<Order>>,
    arrived: Notify,
}

impl Orders {
    /// Gives an order.
    pub(crate) fn give(&self, order: Order) {
        // In this order: who is woken finds it.
        self.lock().push_back(order);
        self.arrived.notify_one();
    }

    /// The next one.
    ///
    /// # Cancel safety
    ///
    /// Safe: an order is taken only when it is given back at once.
    pub(crate) async fn next(&self) -> Order {
        loop {
            if let Some(order) = self.lock().pop_front() {
                return order;
            }
            // A permit of an order that was taken already costs one more turn.
            self.arrived.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Order>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn come_in_turn_and_none_is_lost_when_nobody_waits() {
        let orders = Orders::default();
        orders.give(Order::Cut);
        orders.give(Order::Leave);
        assert_eq!(orders.next().await, Order::Cut);
        assert_eq!(orders.next().await, Order::Leave);
        let waiting = async {
            // As a client waits: the other branch is what it would do otherwise.
            tokio::select! {
                order = orders.next() => order,
                () = std::future::pending() => Order::Leave,
            }
        };
        let giving = async { orders.give(Order::Cut) };
        assert_eq!(tokio::join!(waiting, giving).0, Order::Cut);
    }
}
