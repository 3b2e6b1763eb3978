//! Peers that read nothing, little, and enough.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use super::{PROGRESS_BYTES_MIN, PatientStream, Reply};

const PATIENCE: Duration = Duration::from_millis(100);

#[tokio::test]
async fn a_peer_that_reads_nothing_is_given_up() {
    let (ours, _peer) = duplex(1024);
    let mut stream = PatientStream::new(ours, PATIENCE, Arc::default());
    let error = stream.write_all(&[0; 4096]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
}

#[tokio::test]
async fn a_peer_that_reads_a_byte_now_and_then_is_given_up() {
    let (ours, mut peer) = duplex(64);
    let mut stream = PatientStream::new(ours, PATIENCE, Arc::default());
    let reads = async {
        while peer.read_u8().await.is_ok() {
            tokio::time::sleep(PATIENCE / 20).await;
        }
    };
    tokio::select! {
        written = stream.write_all(&[0; 4096]) => {
            assert_eq!(written.unwrap_err().kind(), ErrorKind::TimedOut);
        }
        () = reads => panic!("the stream ended"),
    }
}

#[tokio::test]
async fn a_peer_that_goes_on_reading_gets_everything_however_long_it_takes() {
    let (ours, mut peer) = duplex(PROGRESS_BYTES_MIN);
    let mut stream = PatientStream::new(ours, PATIENCE, Arc::default());
    let reads = async {
        let mut buffer = vec![0; PROGRESS_BYTES_MIN];
        let mut read = 0;
        while read < 8 * PROGRESS_BYTES_MIN {
            tokio::time::sleep(PATIENCE / 4).await;
            peer.read_exact(&mut buffer).await.unwrap();
            read += buffer.len();
        }
    };
    let reply = vec![0; 8 * PROGRESS_BYTES_MIN];
    let (written, ()) = tokio::join!(stream.write_all(&reply), reads);
    written.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_large_reply_is_not_read_for_ever() {
    let (ours, mut peer) = duplex(PROGRESS_BYTES_MIN);
    let reply = vec![0; 64 * PROGRESS_BYTES_MIN];
    let told = Arc::new(Reply::default());
    told.begin(reply.len());
    let mut stream = PatientStream::new(ours, PATIENCE, told.clone());
    let reads = async {
        let mut buffer = vec![0; PROGRESS_BYTES_MIN];
        // Four of these pieces are taken in each patience, where eight are an eighth of the reply.
        while peer.read_exact(&mut buffer).await.is_ok() {
            tokio::time::sleep(PATIENCE / 4).await;
        }
    };
    tokio::select! {
        written = stream.write_all(&reply) => {
            assert_eq!(written.unwrap_err().kind(), ErrorKind::TimedOut);
        }
        () = reads => panic!("the stream ended"),
    }
    // What is small next to that is waited for as long as ever.
    let (ours, mut peer) = duplex(PROGRESS_BYTES_MIN);
    told.begin(0);
    let mut stream = PatientStream::new(ours, PATIENCE, told.clone());
    let reads = async {
        let mut buffer = vec![0; PROGRESS_BYTES_MIN];
        for _ in 0..64 {
            tokio::time::sleep(PATIENCE / 4).await;
            peer.read_exact(&mut buffer).await.unwrap();
        }
    };
    let (written, ()) = tokio::join!(stream.write_all(&reply), reads);
    written.unwrap();
}

/// The patience that began near the end of a large reply ends in another one, of which less is enough.
#[tokio::test(start_paused = true)]
async fn the_next_reply_is_not_judged_by_the_one_before() {
    let (ours, mut peer) = duplex(PROGRESS_BYTES_MIN);
    let told = Arc::new(Reply::default());
    let mut stream = PatientStream::new(ours, PATIENCE, told.clone());
    let mut buffer = vec![0; PROGRESS_BYTES_MIN];
    told.begin(64 * PROGRESS_BYTES_MIN);
    let last = vec![0; 2 * PROGRESS_BYTES_MIN];
    let (written, read) = tokio::join!(stream.write_all(&last), peer.read_exact(&mut buffer));
    written.unwrap();
    read.unwrap();
    peer.read_exact(&mut buffer).await.unwrap();
    tokio::time::sleep(PATIENCE * 9 / 10).await;
    told.begin(4 * PROGRESS_BYTES_MIN);
    let reads = async {
        for _ in 0..4 {
            tokio::time::sleep(PATIENCE / 4).await;
            peer.read_exact(&mut buffer).await.unwrap();
        }
    };
    let next = vec![0; 4 * PROGRESS_BYTES_MIN];
    let (written, ()) = tokio::join!(stream.write_all(&next), reads);
    written.unwrap();
}

#[tokio::test]
async fn time_between_replies_does_not_count() {
    let (ours, mut peer) = duplex(1024);
    let mut stream = PatientStream::new(ours, PATIENCE, Arc::default());
    let mut buffer = [0; 2048];
    for _ in 0..3 {
        // The reader comes a moment late each time, so that each write has to wait.
        let (written, read) =
            tokio::join!(stream.write_all(&[0; 2048]), peer.read_exact(&mut buffer));
        written.unwrap();
        read.unwrap();
        tokio::time::sleep(PATIENCE * 2).await;
    }
}
