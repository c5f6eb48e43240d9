import { Type } from "@sinclair/typebox";

/** Without the name of a database the driver would take one of its own. */
const mongoUrlOf = (database: string) =>
  Type.String({
    pattern: "^mongodb(\\+srv)?://[^/]+/[^/?]+(\\?.*)?$",
    description: `the address of the ${database}, mongodb://…/database`,
  });

export const requestsMongoUrl = { REQUESTS_MONGO_URL: mongoUrlOf("Requests DB") };
export const resultsMongoUrl = { RESULTS_MONGO_URL: mongoUrlOf("Results DB") };

export const dataDir = {
  DATA_DIR: Type.String({ default: "./data", minLength: 1, description: "a folder for the data" }),
};
