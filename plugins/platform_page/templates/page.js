"use strict";
// Airflow shows this page in a frame that may open neither a window nor another page of Airflow. Its own document may,
// and it is of the same origin: links that lead out of here are followed there. It also says whether it is dark.
if (window.parent !== window) {
  const airflow = window.parent.document;
  const follow = () => {
    document.documentElement.dataset.theme = airflow.documentElement.classList.contains("dark") ? "dark" : "light";
  };
  follow();
  new MutationObserver(follow).observe(airflow.documentElement, { attributeFilter: ["class"] });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[target]");
    if (!link || event.button !== 0) return;
    event.preventDefault();
    const outside = airflow.createElement("a");
    outside.href = link.href;
    outside.rel = "noopener";
    outside.target = event.ctrlKey || event.metaKey ? "_blank" : link.target;
    airflow.body.append(outside);
    outside.click();
    outside.remove();
  });
}
