//! What concurrent clients saw of a server that is killed has an order.
//! `cargo run -p headwater-sim -- --histories N --kills K` runs more.

use headwater_sim::{consistency, kill};

#[test]
fn what_clients_saw_between_kills_has_an_order() {
    let binary = kill::binary().expect("the server's binary");
    match consistency::run(&binary, 8, 12, 3) {
        Ok(report) => {
            println!("{report}");
            assert_eq!((report.histories, report.kills), (8, 12));
            // Without these a history would be in order whatever the server did.
            assert!(report.operations > 100 && report.transactions > 100);
            assert!(report.operations_lost > 0 && report.repeated > 0);
        }
        Err(error) => panic!("{error:#}"),
    }
}
