// softplus: y = log(1 + e^(beta x)) / beta, elementwise (Dugas et al., "Incorporating
// second-order functional knowledge for better option pricing", NIPS 2000), in Rust.
//
//   dy/dx = sigmoid(beta x) = 1 - e^(-beta y)
//
// The slope comes from y, so the layer may overwrite its input. With u = beta x the value is
// (max(u, 0) + log(1 + e^-|u|)) / beta, where nothing overflows. Shape: any, kept.
//
// rustc alone builds it. What the host sees are functions of C's calling convention that do not
// panic, and one constant.
//
// SPDX-License-Identifier: MIT

use std::mem::size_of;
use std::os::raw::c_void;

#[allow(dead_code)]
#[macro_use]
mod lamina;
use lamina::{Call, Plan, Status, OK};

const GRAIN: i64 = 4096;

/// The instance: the host allocates it and fills in the settings.
#[repr(C)]
struct Softplus {
    beta: f64,
}

/// What a loop works on: reads `from`, and `y` in backward; writes `to`.
struct Work {
    beta: f32,
    from: *const f32,
    y: *const f32,
    to: *mut f32,
    add: bool,
}

unsafe extern "C" fn infer(_: *mut c_void, plan: *mut Plan) -> Status {
    lamina::infer_elementwise(plan)
}

// NaN stays NaN: f32::max would lose it.
fn value(beta: f32, x: f32) -> f32 {
    let u = beta * x;
    let above = if u < 0.0 { 0.0 } else { u };
    (above + (-u.abs()).exp().ln_1p()) / beta
}

unsafe extern "C" fn value_body(arg: *mut c_void, begin: i64, end: i64, _: u32) -> Status {
    let work = &*arg.cast::<Work>();
    for i in begin as usize..end as usize {
        *work.to.add(i) = value(work.beta, *work.from.add(i));
    }
    OK
}

unsafe extern "C" fn forward(this: *mut c_void, call: *mut Call) -> Status {
    let (x, y) = match (lamina::get(call, lamina::IN, 0), lamina::get(call, lamina::OUT, 0)) {
        (Ok(x), Ok(y)) => (x, y),
        (Err(status), _) | (_, Err(status)) => return status,
    };
    let beta = (*this.cast::<Softplus>()).beta as f32;
    let work = Work { beta, from: x.data(), y: y.data(), to: y.data(), add: false };
    lamina::parallel_for(call, x.count(), GRAIN, value_body, &work)
}

unsafe extern "C" fn gradient_body(arg: *mut c_void, begin: i64, end: i64, _: u32) -> Status {
    let work = &*arg.cast::<Work>();
    for i in begin as usize..end as usize {
        let slope = -(-work.beta * *work.y.add(i)).exp_m1();
        let before = if work.add { *work.to.add(i) } else { 0.0 };
        *work.to.add(i) = before + *work.from.add(i) * slope;
    }
    OK
}

unsafe extern "C" fn backward(this: *mut c_void, call: *mut Call) -> Status {
    let (dx, request) = lamina::grad(call, lamina::IN, 0);
    if request == lamina::SKIP {
        return OK;
    }
    let (dy, _) = lamina::grad(call, lamina::OUT, 0);
    let (dx, dy, y) = match (dx, dy, lamina::get(call, lamina::OUT, 0)) {
        (Some(dx), Some(dy), Ok(y)) => (dx, dy, y),
        _ => return lamina::E_PLUGIN,
    };
    let beta = (*this.cast::<Softplus>()).beta as f32;
    let add = request == lamina::ADD;
    let work = Work { beta, from: dy.data(), y: y.data(), to: dx.data(), add };
    lamina::parallel_for(call, y.count(), GRAIN, gradient_body, &work)
}

static SETTINGS: [lamina::Setting; 1] = [lamina::Setting {
    name: text!("beta"),
    kind: text!("f64"),
    default: text!("1"),
    range: text!("[1e-6, 1e6]"),
    unit: std::ptr::null(),
    doc: text!("the larger, the nearer to relu"),
    replaced_by: std::ptr::null(),
    flags: 0,
    since_minor: 0,
    offset: 0,
    reserved: 0,
}];

static TABLE: lamina::Layer = lamina::Layer {
    size: size_of::<lamina::Layer>() as u32,
    caps: 0,
    setup: None,
    infer,
    forward,
    backward: Some(backward),
    extension: None,
};

#[no_mangle]
#[allow(non_upper_case_globals)]
pub static layer_softplus_LTX_lamina_plugin_v1: lamina::Plugin = lamina::Plugin {
    magic: lamina::MAGIC,
    size: size_of::<lamina::Plugin>() as u32,
    major: 1,
    built_minor: 0,
    needs_minor: 0,
    kind: lamina::KIND_LAYER,
    name: text!("softplus"),
    version: text!("1.0.0"),
    marker: marker_text!("layer", "softplus", "1.0.0"),
    summary: text!("log(1 + e^(beta x)) / beta, elementwise"),
    license: text!("MIT"),
    origin: text!(""),
    settings: SETTINGS.as_ptr(),
    n_settings: SETTINGS.len() as u32,
    setting_stride: size_of::<lamina::Setting>() as u32,
    instance_bytes: size_of::<Softplus>() as u64,
    vtable: &TABLE,
};
