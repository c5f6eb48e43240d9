/** The examples of the document, from the original's README. */

const payload = {
  message: "ping",
  parameterA: "valueA",
  parameterB: false,
  parameterC: ["abc", "xyz"],
  parameterD: { d1: 1, d2: 2 },
};

const request = { id: "1be8f5ad-9472-4daf-89db-ce6484449940", payload };

const execution = {
  id: "70d8d872-ee03-4bfd-bea6-18a3b8c08393",
  force_error: false,
  creation_date: "2020-11-07 16:32:18.234057",
  processing_request: request,
};

export const examples = {
  /** Request bodies by operation. */
  bodies: {
    createRequest: { original: { value: { payload } } },
    createExecution: {
      success: { value: { force_error: false } },
      failure: { value: { force_error: true } },
    },
  },
  /** Response bodies by schema. */
  responses: {
    ProcessingRequest: request,
    Execution: execution,
    Results: {
      results: [
        {
          id: "597d4679-1ad5-4799-88ca-dbcd28550ba6",
          is_success: true,
          processing_start_time: "2020-11-07 16:54:14.434825",
          processing_end_time: "2020-11-07 16:54:24.441799",
          processing_total_seconds: 10.006974,
          outputs: { message: "pong" },
          execution,
        },
      ],
    },
  },
};
