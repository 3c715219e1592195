// Workers whose script travels inside the widget's own, since none can be loaded from file://.

/** @param {string} script */
export function startWorker(script) {
  return new Worker(URL.createObjectURL(new Blob([script], { type: "text/javascript" })));
}

/** Ask a worker and wait for its answer. @param {Worker} worker @param {any} message @returns {Promise<any>} */
export function ask(worker, message) {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = (event) => reject(new Error(event.message || "the browser did not allow a worker"));
    worker.postMessage(message);
  });
}
