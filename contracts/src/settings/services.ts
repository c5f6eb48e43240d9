import { Type } from "@sinclair/typebox";

/** What lets services call each other. */
export const serviceToken = {
  SERVICE_TOKEN: Type.String({
    minLength: 16,
    description: "a secret of at least 16 characters, the same for all services",
  }),
};

const urlOf = (service: string) =>
  Type.String({
    pattern: "^https?://[^,\\s/]+(,https?://[^,\\s/]+)*$",
    description: `the address of ${service}, http://host:port, or several separated by commas`,
  });

export const requestsServiceUrl = { REQUESTS_SERVICE_URL: urlOf("requests-service") };
export const resultsListenerUrl = { RESULTS_LISTENER_URL: urlOf("results-listener") };
export const resultsServiceUrl = { RESULTS_SERVICE_URL: urlOf("results-service") };
