//! DynamoDB Local as a contestant, if it is installed: on disk, one shared database, as it comes.
//!
//! `npm install --prefix target/dynamodb-local amplify-dynamodb-simulator` puts version 1.25.1 where it is looked for;
//! it needs Java 17. Nothing of it belongs to this repository.

use crate::api;
use crate::client::Client;
use crate::contest::OverHttp;
use crate::driver::{Driver, Workload};
use crate::rows::load::Load;
use crate::rows::{Plan, SORTED, STREAMED, query};
use crate::server::Server;
use crate::text::Pool;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What its rows begin with.
pub const NAME: &str = "DynamoDB Local: ";
/// Items in its table. Loading as many as ours have would take most of the run; a smaller table is no harder for it.
const ITEMS: usize = 2_000;
const JAR: &str = "DynamoDBLocal.jar";
/// Where the npm package has it, below the folder that it was installed in.
const INSTALLED: &str = "dynamodb-local/node_modules/amplify-dynamodb-simulator/emulator";
const LOAD_PATIENCE: Duration = Duration::from_secs(600);
/// Its first answers take seconds.
const CALL_PATIENCE: Duration = Duration::from_secs(60);

/// A running DynamoDB Local with loaded tables.
pub struct DynamoDbLocal {
    server: Server,
    connections: usize,
}

/// The folder of the emulator: the one that is given, else the one beside the build, if it is there.
pub fn find(given: Option<&Path>, beside: &Path) -> Option<PathBuf> {
    match given {
        Some(folder) => Some(folder.to_owned()),
        None => {
            let folder = beside.parent()?.join(INSTALLED);
            folder.join(JAR).exists().then_some(folder)
        }
    }
}

impl DynamoDbLocal {
    /// Starts it on a new folder below `folder` and loads the tables that the measurements use.
    pub fn start(emulator: &Path, folder: &Path, plan: &Plan, pool: &Pool) -> Result<Self> {
        let data = folder.join("dynamodb-local");
        std::fs::create_dir_all(&data)?;
        let server = Server::java(
            &emulator.join(JAR),
            &emulator.join("DynamoDBLocal_lib"),
            &data,
        )
        .context("starting DynamoDB Local; it needs Java")?;
        let local = Self {
            server,
            connections: plan.connections,
        };
        let address = local.server.address();
        let mut client = local.client()?;
        api::create_table(&mut client, STREAMED, false, true)?;
        api::create_table(&mut client, SORTED, true, false)?;
        local.run(Load::new(address, STREAMED, pool, ITEMS))?;
        local.run(query::Load::new(address, pool))?;
        Ok(local)
    }

    /// How many items its table has.
    pub fn items(&self) -> usize {
        ITEMS
    }

    /// The process.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// A blocking connection.
    pub fn client(&self) -> Result<Client> {
        Client::connect(self.server.address(), Some(CALL_PATIENCE))
    }

    /// A contestant; `name` is that of the same measurement of ours.
    pub fn contestant<'a>(&self, name: &str, workload: impl Workload + 'a) -> Result<OverHttp<'a>> {
        let driver = Driver::connect(self.server.address(), self.connections)?;
        let name = format!("{NAME}{name}");
        Ok(OverHttp::new(&name, self.server.pid(), driver, workload))
    }

    fn run(&self, mut workload: impl Workload) -> Result<()> {
        let mut driver = Driver::connect(self.server.address(), self.connections)?;
        driver
            .run(&mut workload, LOAD_PATIENCE)
            .context("loading DynamoDB Local")?;
        Ok(())
    }
}
