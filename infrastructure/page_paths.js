// CloudFront, each request of a viewer and each answer: addresses that people see to what lies behind
// them, and the page that says that nothing does.
var PAGES = ["/", "/index.html", "/listen.html", "/organise.html", "/missing.html"];

var PARTS = ["/manifest.webmanifest", "/service-worker.js", "/icon.svg", "/icon-maskable.svg"];

function isKnown(uri) {
  return PAGES.indexOf(uri) >= 0 || PARTS.indexOf(uri) >= 0 || uri.indexOf("/assets/") === 0;
}

function handler(event) {
  var request = event.request;
  var uri = request.uri;
  if (uri === "/listen" || uri.indexOf("/listen/") === 0 || uri.indexOf("/room/") === 0) {
    uri = "/listen.html"; // the page reads from its address what to listen to
  } else if (uri.indexOf("/speak/") === 0) {
    uri = "/index.html";
  } else if (uri === "/organise") {
    uri = "/organise.html";
  }
  if (event.response !== undefined) {
    if (uri === "/missing.html" || !isKnown(uri)) {
      event.response.statusCode = 404;
      event.response.statusDescription = "Not Found";
    }
    return event.response;
  }
  if (uri === "/ws") {
    uri = "/"; // the origin's own path, its stage, is put before it
  } else if (!isKnown(uri)) {
    uri = "/missing.html";
  }
  request.uri = uri;
  return request;
}
