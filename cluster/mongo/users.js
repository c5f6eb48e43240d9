// Run by mongosh when a database starts for the first time: the users of the services, with the least rights that
// each can work with. Their names and passwords come from the environment (compose.yaml).
const { READ_WRITE_USER, READ_WRITE_PASSWORD, READ_ONLY_USER, READ_ONLY_PASSWORD } = process.env;

// Not MongoDB's own readWrite, which may also drop collections and indexes, and change what a collection is.
db.createRole({
  role: "documents",
  privileges: [
    {
      resource: { db: db.getName(), collection: "" },
      actions: ["find", "insert", "update", "remove", "createIndex"],
    },
  ],
  roles: [],
});

db.createUser({
  user: READ_WRITE_USER,
  pwd: READ_WRITE_PASSWORD,
  roles: [{ role: "documents", db: db.getName() }],
});

if (READ_ONLY_USER) {
  db.createRole({
    role: "documentsReadOnly",
    privileges: [{ resource: { db: db.getName(), collection: "" }, actions: ["find"] }],
    roles: [],
  });
  db.createUser({
    user: READ_ONLY_USER,
    pwd: READ_ONLY_PASSWORD,
    roles: [{ role: "documentsReadOnly", db: db.getName() }],
  });
}
