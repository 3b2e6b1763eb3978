//! `kill -9` of the real server. `cargo run -p headwater-sim -- --kills N` runs more.

use headwater_sim::kill;

#[test]
fn a_killed_server_comes_back_with_everything_it_acknowledged() {
    let binary = kill::binary().expect("the server's binary");
    match kill::run(&binary, 30, 1) {
        Ok(report) => {
            println!("{report}");
            assert_eq!(
                (report.kills, report.kills_while_starting, report.verified),
                (30, 5, 1)
            );
            assert!(report.acknowledged > 100 && report.records >= report.acknowledged);
            assert!(report.delivered_between_kills > 0);
        }
        Err(error) => panic!("{error:#}"),
    }
}
