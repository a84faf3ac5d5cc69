# A formula for a tap; packaging/manifests.sh fills it in.
class Ircollect < Formula
  desc "Incident-response collector for Microsoft security data"
  homepage "@REPOSITORY@"
  version "@VERSION@"
  license "MIT"

  on_macos do
    on_arm do
      url "@REPOSITORY@/releases/download/v@VERSION@/ircollect-@VERSION@-aarch64-apple-darwin.tar.gz"
      sha256 "@MACOS_AARCH64@"
    end
    on_intel do
      url "@REPOSITORY@/releases/download/v@VERSION@/ircollect-@VERSION@-x86_64-apple-darwin.tar.gz"
      sha256 "@MACOS_X86_64@"
    end
  end

  on_linux do
    on_arm do
      url "@REPOSITORY@/releases/download/v@VERSION@/ircollect-@VERSION@-aarch64-unknown-linux-musl.tar.gz"
      sha256 "@LINUX_AARCH64@"
    end
    on_intel do
      url "@REPOSITORY@/releases/download/v@VERSION@/ircollect-@VERSION@-x86_64-unknown-linux-musl.tar.gz"
      sha256 "@LINUX_X86_64@"
    end
  end

  def install
    bin.install "ircollect"
    man1.install Dir["man/*.1"]
    generate_completions_from_executable(bin/"ircollect", "completions")
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/ircollect --version")
    (testpath/"query.kql").write "DeviceInfo | take 1"
    system bin/"ircollect", "lab", "--", "hunt", "--query", "query.kql"
    system bin/"ircollect", "case", "verify"
  end
end
