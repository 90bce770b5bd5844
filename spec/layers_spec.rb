# frozen_string_literal: true

require "fileutils"
require "open3"
require "rbconfig"
require "tmpdir"

RSpec.describe "bin/layers" do
  # What it says of an engine of the layers `low` and `high`, whose other files these are, by path.
  def told(files, *arguments)
    Dir.mktmpdir do |root|
      lib = "mod low;\nmod high;\n\npub use high::{Top, deep::Other as Renamed};\n"
      { "lib.rs" => lib, "low.rs" => "mod deep;\n", "high.rs" => "" }.merge(files).each do |path, code|
        path = "#{root}/ext/engine/src/#{path}"
        FileUtils.mkdir_p(File.dirname(path))
        File.write(path, code)
      end
      said, status = Open3.capture2(RbConfig.ruby, File.expand_path("../bin/layers", __dir__), *arguments, root)
      expect(status.success?).to be(said.empty?)
      said.gsub("ext/engine/src/", "")
    end
  end

  it "finds every form in which a module can use one below it" do
    code = <<~RUST
      use crate::high::A;
      use crate::{
          low::{deep::B, deep::{C, D}},
          high,
      };
      pub(crate) use crate::high::E;
      use super::super::high::{F, G};
      use super::{deep::H, super::{low::deep::I, high::J}};
      fn f() { let a = "https://a"; crate::high::k(a) }
      mod inner {
          use super::super::super::high::L;
      }
      macro_rules! m { () => { $crate::high::n() } }
      use crate::Top;
      use crate::Renamed;
      const C: char = '"'; use crate::high::O;
      use crate::*;
    RUST
    lines = told({ "low/deep.rs" => code }).lines

    expect(lines.map { |line| line[/:(\d+):/, 1].to_i }).to eq([1, 2, 6, 7, 8, 9, 11, 13, 14, 15, 16, 17])
    expect(lines[0...-1]).to all(include("low uses high, which stands below it"))
    expect(told("low.rs" => "use super::high::A;\n")).to include("low uses high")
  end

  it "lets modules use themselves, those above them, and anything in tests" do
    code = <<~RUST
      // use crate::high::A;
      /* use crate::high::B; */
      use self::high::C;
      use super::high::D;
      use crate::low::high::{E, high};
      mod inner {
          use super::super::high::F;
      }
      const TEXT: &str = "use crate::high::G";
      pub(in crate::low) fn f<'a>() {}

      #[cfg(test)]
      mod tests {
          use crate::high::H;
      }
    RUST

    expect(told({ "low/deep.rs" => code, "low/tests.rs" => "use crate::high::I;", "high.rs" => "use super::low::J;" },
                "--types")).to eq("")
  end

  it "finds types that are defined twice, whatever they are and wherever they stand" do
    low = <<~RUST
      #[derive(Debug)] struct One;
      macro_rules! two { () => { pub(crate) enum Two {} } }
      pub unsafe trait Three {}
      fn f() { type Four = u8; }
      pub(super) union Five { a: u8 }
      impl Iterator for One { type Item = One; }
      trait Has { type Item; }
      // struct Six;
    RUST
    high = <<~RUST
      pub(crate) struct One<'a>(&'a str);
      mod two { struct Two; }
      type Three = u8;
      struct Four; struct Five; struct Six; struct Item;
    RUST
    files = { "low/deep.rs" => low, "high.rs" => high }

    expect(told(files, "--types").scan(/^\w+/)).to match_array(%w[One Two Three Four Five])
    expect(told(files)).to eq("")
  end
end
