// ElectroDB: employees and tasks in a single table, with collections over its indexes.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import {
  CreateTableCommand,
  DescribeTimeToLiveCommand,
  UpdateTimeToLiveCommand,
} from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient, GetCommand } from "@aws-sdk/lib-dynamodb";
import { createSchema, Entity, Service } from "electrodb";

import { Server } from "../launcher.js";
import { active, tableName } from "../tables.js";

const TableName = tableName();
const index = (IndexName, hash, range) => ({
  IndexName,
  KeySchema: [
    { AttributeName: hash, KeyType: "HASH" },
    { AttributeName: range, KeyType: "RANGE" },
  ],
  Projection: { ProjectionType: "ALL" },
});

const employee = createSchema({
  model: { entity: "employee", version: "1", service: "work" },
  attributes: {
    employee: { type: "string", required: true },
    team: { type: "string", required: true },
    office: { type: "string", required: true },
    salary: { type: "number", default: 0 },
    skills: { type: "set", items: "string" },
    address: { type: "map", properties: { street: { type: "string" }, zip: { type: "string" } } },
    notes: { type: "list", items: { type: "string" } },
    version: { type: "number", default: 1 },
    expires: { type: "number" },
  },
  indexes: {
    profile: {
      collection: "assignments",
      pk: { field: "pk", composite: ["employee"] },
      sk: { field: "sk", composite: [] },
    },
    byTeam: {
      index: "gsi1",
      collection: "team",
      pk: { field: "gsi1pk", composite: ["team"] },
      sk: { field: "gsi1sk", composite: ["salary"] },
    },
    bySalary: {
      index: "lsi1",
      pk: { field: "pk", composite: ["employee"] },
      sk: { field: "lsi1sk", composite: ["salary"] },
    },
  },
});

const task = createSchema({
  model: { entity: "task", version: "1", service: "work" },
  attributes: {
    task: { type: "string", required: true },
    employee: { type: "string", required: true },
    team: { type: "string", required: true },
    project: { type: "string", required: true },
    points: { type: "number", required: true, padding: { length: 4, char: "0" } },
    status: { type: ["open", "done"], default: "open" },
  },
  indexes: {
    assigned: {
      collection: "assignments",
      pk: { field: "pk", composite: ["employee"] },
      sk: { field: "sk", composite: ["project", "task"] },
    },
    byTeam: {
      index: "gsi1",
      collection: "team",
      pk: { field: "gsi1pk", composite: ["team"] },
      sk: { field: "gsi1sk", composite: ["points", "task"] },
    },
  },
});

let server;
let client;
let work;

before(async () => {
  server = await Server.start();
  const strings = ["pk", "sk", "gsi1pk", "gsi1sk", "lsi1sk"];
  await server.dynamodb.send(
    new CreateTableCommand({
      TableName,
      BillingMode: "PAY_PER_REQUEST",
      AttributeDefinitions: strings.map((AttributeName) => ({ AttributeName, AttributeType: "S" })),
      KeySchema: index("", "pk", "sk").KeySchema,
      GlobalSecondaryIndexes: [index("gsi1", "gsi1pk", "gsi1sk")],
      LocalSecondaryIndexes: [index("lsi1", "pk", "lsi1sk")],
    }),
  );
  await active(server, TableName);
  client = DynamoDBDocumentClient.from(server.dynamodb);
  const settings = { client, table: TableName };
  work = new Service({
    employees: new Entity(employee, settings),
    tasks: new Entity(task, settings),
  });
});
after(() => server.stop());

const person = (name, more = {}) => ({
  employee: name,
  team: `${name}-team`,
  office: "o",
  ...more,
});
const job = (name, at, more = {}) => ({
  task: `t${String(at).padStart(3, "0")}`,
  employee: name,
  team: `${name}-team`,
  project: "p",
  points: at,
  ...more,
});
/** A check of an error that the server's condition must be the cause of. */
const failed = (error) => /conditional request failed/i.test(error.message);

describe("ElectroDB", () => {
  test("creates once, and reads every type back", async () => {
    const given = person("ann", {
      skills: ["go", "rust"],
      address: { street: "High Street", zip: "1" },
      notes: ["first"],
    });
    await work.entities.employees.create(given).go();
    const { data } = await work.entities.employees
      .get({ employee: "ann" })
      .go({ consistent: true });
    assert.deepEqual(
      { ...data, skills: [...data.skills].sort() },
      { ...given, salary: 0, version: 1 },
    );
    await assert.rejects(work.entities.employees.create(given).go(), failed);
    const missing = await work.entities.employees.get({ employee: "nobody" }).go();
    assert.equal(missing.data, null);
  });

  test("patches in every way", async () => {
    const employees = work.entities.employees;
    await employees
      .put(
        person("bob", {
          salary: 10,
          skills: ["a", "b"],
          address: { street: "s", zip: "1" },
          notes: ["n"],
        }),
      )
      .go();
    const { data } = await employees
      .patch({ employee: "bob" })
      .set({ office: "east" })
      .add({ version: 2 })
      .append({ notes: ["m"] })
      .delete({ skills: ["a"] })
      .data((attributes, { set, remove }) => {
        set(attributes.address.street, "t");
        remove(attributes.address.zip);
      })
      .go({ response: "all_new" });
    assert.deepEqual(data, {
      ...person("bob", { salary: 10, office: "east" }),
      skills: ["b"],
      address: { street: "t" },
      notes: ["n", "m"],
      version: 3,
    });
    await assert.rejects(employees.patch({ employee: "nobody" }).set({ office: "x" }).go(), failed);
    const upserted = await employees
      .upsert(person("bea", { version: 7 }))
      .go({ response: "all_new" });
    assert.equal(upserted.data.version, 7);
  });

  test("conditions hold, and optimistic locking refuses the second", async () => {
    const employees = work.entities.employees;
    await employees.put(person("cat")).go();
    const change = (office) =>
      employees
        .patch({ employee: "cat" })
        .set({ office })
        .add({ version: 1 })
        .where(
          ({ version, team }, { eq, begins }) => `${eq(version, 1)} AND ${begins(team, "cat")}`,
        )
        .go();
    await change("first");
    await assert.rejects(change("second"), failed);
    const { data } = await employees.get({ employee: "cat" }).go({ consistent: true });
    assert.deepEqual([data.office, data.version], ["first", 2]);
    await assert.rejects(
      employees
        .remove({ employee: "cat" })
        .where(({ office }, { ne }) => ne(office, "first"))
        .go(),
      failed,
    );
    await employees
      .delete({ employee: "cat" })
      .where(({ skills }, { notExists }) => notExists(skills))
      .go();
    assert.equal((await employees.get({ employee: "cat" }).go()).data, null);
  });

  test("counts with concurrent adds", async () => {
    await work.entities.employees.put(person("dan")).go();
    await Promise.all(
      Array.from({ length: 40 }, () =>
        work.entities.employees.patch({ employee: "dan" }).add({ version: 1 }).go(),
      ),
    );
    const { data } = await work.entities.employees
      .get({ employee: "dan" })
      .go({ consistent: true });
    assert.equal(data.version, 41);
  });

  test("writes and reads in batches of many requests, and pages both ways", async () => {
    const tasks = work.entities.tasks;
    const jobs = Array.from({ length: 120 }, (_, at) => job("eve", at));
    const put = await tasks.put(jobs).go({ concurrent: 2 });
    assert.deepEqual(put.unprocessed, []);
    const keys = [...jobs, job("eve", 999)].map(({ employee, project, task }) => ({
      employee,
      project,
      task,
    }));
    const got = await tasks.get(keys).go({ preserveBatchOrder: true });
    assert.deepEqual(got.unprocessed, []);
    assert.deepEqual(got.data, [...jobs.map((one) => ({ ...one, status: "open" })), null]);

    const points = (answer) => answer.data.map((one) => one.points);
    const all = await tasks.query.assigned({ employee: "eve" }).go({ pages: "all", limit: 50 });
    assert.deepEqual(points(all), [...Array(120).keys()]);
    const found = [];
    let cursor = null;
    let pages = 0;
    do {
      const page = await tasks.query
        .byTeam({ team: "eve-team" })
        .go({ cursor, limit: 50, order: "desc" });
      found.push(...points(page));
      cursor = page.cursor;
      pages += 1;
    } while (cursor);
    assert.deepEqual(found, [...Array(120).keys()].reverse());
    assert.equal(pages, 3);
    const some = await tasks.query
      .byTeam({ team: "eve-team" })
      .between({ points: 10 }, { points: 19 })
      .where(({ task }, { contains }) => contains(task, "5"))
      .go();
    assert.deepEqual(points(some), [15]);
    const begun = await tasks.query
      .assigned({ employee: "eve", project: "p" })
      .begins({ task: "t11" })
      .go();
    assert.deepEqual(points(begun), [110, 111, 112, 113, 114, 115, 116, 117, 118, 119]);
    const removed = await tasks.delete(keys).go();
    assert.deepEqual(removed.unprocessed, []);
    assert.deepEqual((await tasks.query.assigned({ employee: "eve" }).go()).data, []);
  });

  test("collections bring both entities by one query", async () => {
    await work.entities.employees.put(person("fay", { salary: 5 })).go();
    await work.entities.employees.put(person("fred", { salary: 6, team: "fay-team" })).go();
    await work.entities.tasks.put([job("fay", 1), job("fay", 2, { status: "done" })]).go();
    const mine = await work.collections.assignments({ employee: "fay" }).go();
    assert.deepEqual(
      mine.data.employees.map((one) => one.employee),
      ["fay"],
    );
    assert.deepEqual(
      mine.data.tasks.map((one) => one.task),
      ["t001", "t002"],
    );
    const team = await work.collections
      .team({ team: "fay-team" })
      .where(({ status, salary }, { eq, gt }) => `${eq(status, "done")} OR ${gt(salary, 5)}`)
      .go();
    assert.deepEqual(
      team.data.employees.map((one) => one.employee),
      ["fred"],
    );
    assert.deepEqual(
      team.data.tasks.map((one) => one.task),
      ["t002"],
    );
    const local = await work.entities.employees.query.bySalary({ employee: "fay", salary: 5 }).go();
    assert.deepEqual(
      local.data.map((one) => one.office),
      ["o"],
    );
    const none = await work.entities.employees.query
      .bySalary({ employee: "fay" })
      .gt({ salary: 5 })
      .go();
    assert.deepEqual(none.data, []);
  });

  test("scans for one entity, in pages", async () => {
    await work.entities.tasks.put(Array.from({ length: 30 }, (_, at) => job("gus", at))).go();
    const { data } = await work.entities.tasks.scan
      .where(({ employee }, { eq }) => eq(employee, "gus"))
      .go({ pages: "all", limit: 9 });
    assert.deepEqual(
      data.map((one) => one.points),
      [...Array(30).keys()],
    );
  });

  test("transactions happen whole, or say why not", async () => {
    await work.entities.employees.put(person("hal", { salary: 1 })).go();
    const assign = (at) =>
      work.transaction
        .write(({ employees, tasks }) => [
          tasks.create(job("hal", at)).commit(),
          employees
            .patch({ employee: "hal" })
            .subtract({ salary: 1 })
            .where(({ salary }, { gt }) => gt(salary, 0))
            .commit({ response: "all_old" }),
        ])
        .go();
    const first = await assign(1);
    assert.equal(first.canceled, false);
    const second = await assign(2);
    assert.equal(second.canceled, true);
    assert.deepEqual(
      second.data.map(({ rejected, code, message }) => [rejected, code, message]),
      [
        [false, "None", undefined],
        [true, "ConditionalCheckFailed", "The conditional request failed"],
      ],
    );
    assert.equal(second.data[1].item.salary, 0);
    const both = await work.transaction
      .get(({ employees, tasks }) => [
        employees.get({ employee: "hal" }).commit(),
        tasks.get(job("hal", 1)).commit(),
        tasks.get(job("hal", 2)).commit(),
      ])
      .go();
    assert.deepEqual(
      both.data.map(({ item }) => item?.salary ?? item?.task ?? null),
      [0, "t001", null],
    );
    const checked = await work.transaction
      .write(({ employees, tasks }) => [
        employees
          .check({ employee: "hal" })
          .where(({ salary }, { eq }) => eq(salary, 0))
          .commit(),
        tasks.remove(job("hal", 1)).commit(),
      ])
      .go({ token: "once" });
    assert.equal(checked.canceled, false);
    assert.deepEqual((await work.entities.tasks.query.assigned({ employee: "hal" }).go()).data, []);
  });

  test("an attribute is the time to live, and its items go", async () => {
    await server.dynamodb.send(
      new UpdateTimeToLiveCommand({
        TableName,
        TimeToLiveSpecification: { AttributeName: "expires", Enabled: true },
      }),
    );
    await server.until(async () => {
      const answer = await server.dynamodb.send(new DescribeTimeToLiveCommand({ TableName }));
      return answer.TimeToLiveDescription.TimeToLiveStatus === "ENABLED";
    }, "the time to live");
    const now = Math.floor(Date.now() / 1000);
    await work.entities.employees
      .put([person("ida", { expires: now - 10 }), person("ivy", { expires: now + 3600 })])
      .go();
    const read = (name) => work.entities.employees.get({ employee: name }).go({ consistent: true });
    await server.until(async () => (await read("ida")).data === null, "the item to expire");
    assert.equal((await read("ivy")).data.expires, now + 3600);
  });

  test("keys are as ElectroDB makes them", async () => {
    await work.entities.tasks.put(job("joe", 7)).go();
    const { Item } = await client.send(
      new GetCommand({
        TableName,
        Key: { pk: "$work#employee_joe", sk: "$assignments#task_1#project_p#task_t007" },
      }),
    );
    assert.equal(Item.gsi1sk, "$team#task_1#points_0007#task_t007");
    assert.equal(Item.__edb_e__, "task");
  });
});
