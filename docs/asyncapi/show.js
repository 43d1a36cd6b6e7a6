AsyncApiStandalone.render(
  {
    schema: JSON.parse(document.getElementById("document").textContent),
    config: { show: { errors: true }, expand: { messageExamples: true } },
  },
  document.getElementById("page"),
);
