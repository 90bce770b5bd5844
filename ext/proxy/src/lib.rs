use magnus::{Error, Ruby};
#[magnus::init]
fn init(_r: &Ruby) -> Result<(), Error> {
    Ok(())
}
