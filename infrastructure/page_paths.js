// CloudFront, each request of a viewer: addresses that people see to what lies behind them.
function handler(event) {
  var request = event.request;
  var uri = request.uri;
  if (uri === "/ws") {
    request.uri = "/"; // the origin's own path, its stage, is put before it
  } else if (uri === "/listen" || uri.indexOf("/listen/") === 0 || uri.indexOf("/room/") === 0) {
    request.uri = "/listen.html"; // the page reads from its address what to listen to
  } else if (uri.indexOf("/speak/") === 0) {
    request.uri = "/index.html";
  } else if (uri === "/organise") {
    request.uri = "/organise.html";
  }
  return request;
}
