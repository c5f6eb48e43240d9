// Run by mongosh when a database starts for the first time: the users of the services, with the least rights that
// each can work with. Their names and passwords come from the environment (compose.yaml).
const { READ_WRITE_USER, READ_WRITE_PASSWORD, READ_ONLY_USER, READ_ONLY_PASSWORD } = process.env;

db.createUser({
  user: READ_WRITE_USER,
  pwd: READ_WRITE_PASSWORD,
  roles: [{ role: "readWrite", db: db.getName() }],
});

if (READ_ONLY_USER) {
  db.createUser({
    user: READ_ONLY_USER,
    pwd: READ_ONLY_PASSWORD,
    roles: [{ role: "read", db: db.getName() }],
  });
}
