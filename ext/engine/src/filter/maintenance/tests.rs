use super::*;

#[tokio::test(start_paused = true)]
async fn the_file_is_looked_for_once_a_second_until_the_configuration_is_gone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("maintenance.txt");
    let file = WatchedFile::new(path.to_str().expect("UTF-8"));
    let log = Log::compile(&crate::config::Setting::of("error".into()), &mut Vec::new());
    let watching = tokio::spawn(watch(Arc::downgrade(&file), log));
    let is_there = || file.is_there.load(Relaxed);
    assert!(!is_there());
    std::fs::write(&path, "").expect("a file");
    while !is_there() {
        tokio::time::sleep(PERIOD).await;
    }
    std::fs::remove_file(&path).expect("it goes");
    while is_there() {
        tokio::time::sleep(PERIOD).await;
    }
    drop(file);
    watching.await.expect("it ends");
}
